//! Requests that are larger than they may be, or claim to be.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use e2e::Program;
use futures_util::future::join_all;
use testkit::random::Random;
use testkit::raw;

use super::Case;
use super::functions::Functions;
use super::wire::{Heard, flood, say};
use crate::report::Report;

/// A refusal that waits for nothing, on a machine that does much else.
const EARLY: Duration = Duration::from_secs(2);
/// A request body has ten seconds.
const BODY_LATE: [Duration; 2] = [Duration::from_millis(9_500), Duration::from_secs(14)];
const VOLLEYS: usize = 4;
/// What the largest body that is taken costs while it is there, a few times, and what an allocator keeps of it.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// Of what comes without end, at a time.
const REPEATED: usize = 4_096;

/// Half a million of them are a body of 2 MiB: to take them apart takes a processor a second.
const CRUMBS: &str = "crumbs without end";
const CRUMBS_EARLY: Duration = Duration::from_secs(9);

const TEN_GB: &str = "Content-Length: 10737418240";
const CHUNKED: &str = "Transfer-Encoding: chunked";

/// One request, and what it may be answered.
struct Blow {
    title: &'static str,
    bytes: Vec<u8>,
    /// Sent again and again after it.
    more: Vec<u8>,
    expected: &'static [u16],
}

/// Where a function takes a body, and how much of it.
struct Door {
    line: &'static str,
    kind: &'static str,
    bytes_max: usize,
    /// What a body that breaks off is told: an event must come again.
    broken: &'static [u16],
}

const JSON: &str = "Content-Type: application/json";
const PURCHASE_BYTES_MAX: usize = 64 * 1024;

const fn purchases(line: &'static str) -> Door {
    Door {
        line,
        kind: JSON,
        bytes_max: PURCHASE_BYTES_MAX,
        broken: &[400, 413],
    }
}

const EVENTS: Door = Door {
    line: "POST /",
    kind: "Content-Type: application/cloudevents+json",
    bytes_max: 2 * 1024 * 1024,
    broken: &[413, 503],
};

fn doors(function: &str) -> Vec<Door> {
    match function {
        "buy" => vec![purchases("POST /buy")],
        "frontend" => vec![purchases("POST /buy"), purchases("POST /api/buy")],
        "storer" | "consumer" => vec![EVENTS, purchases("POST /purchases")],
        _ => Vec::new(),
    }
}

/// Row 25.
pub(crate) async fn oversized(mut case: Case) -> Vec<Report> {
    let functions = Functions::start(&case.servers).await;
    let attacks = functions.each().map(|(name, program)| {
        let random = Random::seeded(case.random.number());
        attack(name, program, random)
    });
    let reports = join_all(attacks).await;
    functions.stop(reports).await
}

async fn attack(name: &'static str, program: &Program, random: Random) -> Report {
    let address = program.address();
    let (volleys, late) = tokio::join!(fire(name, program, random), stand_still(name, address));
    let (refused, wrong, growth_kib) = volleys;
    let count = |status| refused.get(&status).copied().unwrap_or_default();
    let mut report = Report::new(25, name)
        .expect(wrong.is_empty(), || wrong.join("\n"))
        .expect(growth_kib <= GROWTH_KIB_MAX, || {
            format!("it grew by {growth_kib} KiB under what it refused")
        })
        .evidence("431", count(431))
        .evidence("414", count(414));
    if !doors(name).is_empty() {
        report = report.evidence("413", count(413)).evidence("408", late.0);
    }
    late.1
        .into_iter()
        .fold(report, |report, problem| report.expect(false, || problem))
}

/// Refusals by status, everything unexpected, and by how much the process grew at its largest after the first volley.
async fn fire(
    name: &str,
    program: &Program,
    mut random: Random,
) -> (BTreeMap<u16, u64>, Vec<String>, u64) {
    let mut blows = heads();
    if doors(name).is_empty() {
        blows.extend(unwanted());
    }
    blows.extend(doors(name).iter().flat_map(bodies));
    let (mut refused, mut wrong, mut before) = (BTreeMap::new(), Vec::new(), 0);
    for volley in 0..VOLLEYS {
        if volley == 1 {
            before = program.rss_kib();
        }
        random.shuffle(&mut blows);
        for blow in &blows {
            let heard = if blow.more.is_empty() {
                say(program.address(), &blow.bytes).await
            } else {
                flood(program.address(), &blow.bytes, &blow.more).await
            };
            match heard.statuses()[..] {
                [status] if blow.expected.contains(&status) && blow.is_early(&heard) => {
                    *refused.entry(status).or_default() += 1;
                }
                _ => wrong.push(blow.told(&heard)),
            }
        }
    }
    let growth = program.rss_peak_kib().saturating_sub(before);
    (refused, wrong, growth)
}

impl Blow {
    fn is_early(&self, heard: &Heard) -> bool {
        let early = if self.title == CRUMBS {
            CRUMBS_EARLY
        } else {
            EARLY
        };
        heard.took.is_some_and(|took| took <= early)
    }

    fn told(&self, heard: &Heard) -> String {
        let (title, expected) = (self.title, self.expected);
        let (statuses, took) = (heard.statuses(), heard.took);
        format!("{title}: {statuses:?} after {took:?}, and one of {expected:?} was due")
    }
}

/// Every function reads these alike.
fn heads() -> Vec<Blow> {
    let blow = |title, bytes, more: &[u8], expected| Blow {
        title,
        bytes,
        more: more.repeat(REPEATED),
        expected,
    };
    let get = "GET /getAllUserBuys/ada";
    let many: Vec<_> = (0..101).map(|n| format!("X-{n}: v")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let long = format!("X-Long: {}", "v".repeat(64 * 1024));
    let uri = |bytes: usize| raw::head(&format!("{get}{}", "u".repeat(bytes)), &[]);
    vec![
        blow("header of 64 KiB", raw::head(get, &[&long]), b"", &[431]),
        blow("101 headers", raw::head(get, &many), b"", &[431]),
        blow("URI of 64,000 bytes", uri(64_000), b"", &[414]),
        blow("URI of 70,000 bytes", uri(70_000), b"", &[414, 431]),
        blow(
            "headers without end",
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"X-More: v\r\n",
            &[431],
        ),
        blow(
            "header without end",
            b"GET / HTTP/1.1\r\nX-Long: ".to_vec(),
            b"vvvvvvvvv",
            &[431],
        ),
        blow(
            "URI without end",
            b"GET /".to_vec(),
            b"uuuuuuuuu",
            &[414, 431],
        ),
        blow(
            "no HTTP, without end",
            Vec::new(),
            b"\0\x01\x02\xff",
            &[400],
        ),
    ]
}

/// Bodies for a function that takes none.
fn unwanted() -> Vec<Blow> {
    let blow = |title, line, header: &str, more: &[u8], expected| Blow {
        title,
        bytes: raw::head(line, &[header]),
        more: more.repeat(REPEATED),
        expected,
    };
    let (get, post) = ("GET /getAllUserBuys/ada", "POST /getAllUserBuys/ada");
    vec![
        blow("10 GB claimed", post, TEN_GB, b"", &[405]),
        blow("10 GB claimed and sent", get, TEN_GB, b"xxxxxxxx", &[200]),
        blow("chunks without end", get, CHUNKED, b"4\r\nxxxx\r\n", &[200]),
    ]
}

fn bodies(door: &Door) -> Vec<Blow> {
    let Door {
        line,
        kind,
        bytes_max,
        broken,
    } = *door;
    let blow = |title, header: &str, body: &[u8], more: &[u8], expected| {
        let mut bytes = raw::head(line, &[kind, header]);
        bytes.extend_from_slice(body);
        Blow {
            title,
            bytes,
            more: more.repeat(REPEATED),
            expected,
        }
    };
    let over = " ".repeat(bytes_max + 1);
    let length = format!("Content-Length: {}", over.len());
    let kilobyte = [b"400\r\n", &[b' '; 1_024][..], b"\r\n"].concat();
    let in_chunks = format!("{:x}\r\n{over}\r\n0\r\n\r\n", over.len());
    vec![
        blow("limit + 1", &length, over.as_bytes(), b"", &[413]),
        blow(
            "limit + 1 in chunks",
            CHUNKED,
            in_chunks.as_bytes(),
            b"",
            &[413],
        ),
        blow("chunks without end", CHUNKED, b"", &kilobyte, &[413]),
        blow(CRUMBS, CHUNKED, b"", b"4\r\nxxxx\r\n", &[413]),
        blow("10 GB claimed", TEN_GB, b"", b"", &[413]),
        blow("10 GB claimed and sent", TEN_GB, b"", b"xxxxxxxx", &[413]),
        blow(
            "a length beyond any number",
            "Content-Length: 99999999999999999999",
            b"",
            b"",
            &[400],
        ),
        blow(
            "a chunk of 16 EiB",
            CHUNKED,
            b"FFFFFFFFFFFFFFF0\r\n",
            b"xxxxxxxx",
            &[413],
        ),
        blow(
            "chunk extension without end",
            CHUNKED,
            b"4;",
            b"x=yyyyyy;",
            broken,
        ),
        blow(
            "trailers without end",
            CHUNKED,
            b"0\r\n",
            b"X-More: v\r\n",
            broken,
        ),
    ]
}

/// A body that stops in the middle, at every door at once: 408s in their time, and what was none.
async fn stand_still(name: &str, address: SocketAddr) -> (u64, Vec<String>) {
    let stalled = doors(name).into_iter().map(|door| async move {
        let mut bytes = raw::head(door.line, &[door.kind, "Content-Length: 100"]);
        bytes.push(b'{');
        (door.line, say(address, &bytes).await)
    });
    let (mut late, mut wrong) = (0, Vec::new());
    for (line, heard) in join_all(stalled).await {
        let [earliest, latest] = BODY_LATE;
        let in_time = heard
            .took
            .is_some_and(|took| earliest <= took && took <= latest);
        if heard.status() == Some(408) && in_time && heard.closed {
            late += 1;
        } else {
            let (statuses, took, closed) = (heard.statuses(), heard.took, heard.closed);
            wrong.push(format!(
                "{line} that stands still: {statuses:?} after {took:?}, closed: {closed}"
            ));
        }
    }
    (late, wrong)
}
