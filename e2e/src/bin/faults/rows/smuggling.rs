//! Requests that hide another one in a body whose end two servers could see at two places.
//!
//! The hidden one would buy something, or ask for a list. It is never heard: not as a second answer on the connection, not in
//! the counts of requests, not behind the gateway, and not in the store.

use e2e::Program;
use futures_util::future::join_all;
use mongodb::bson::doc;
use testkit::random::Random;
use testkit::sample;

use super::Case;
use super::functions::{Functions, purchase_of};
use super::wire::{Heard, say};
use crate::report::Report;

const JSON: &str = "Content-Type: application/json";
const CHUNKED: &str = "Transfer-Encoding: chunked";

/// What `Transfer-Encoding` may look like to one server and not to the next.
const ENCODINGS: [&str; 20] = [
    CHUNKED,
    "Transfer-Encoding: CHUNKED",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding:\r\n chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\0",
];

/// A function, and the request that it takes.
struct Target<'a> {
    name: &'static str,
    program: &'a Program,
    line: &'static str,
    /// The route by which its requests are counted.
    route: &'static str,
}

impl Target<'_> {
    fn buys(&self) -> bool {
        self.line.starts_with("POST")
    }

    /// An honest request for somebody.
    fn request(&self, userid: &str) -> Vec<u8> {
        if self.buys() {
            let body = purchase_of(userid);
            let length = length(body.len());
            request(self.line, &[JSON, &length], body.as_bytes())
        } else {
            request(&format!("{}{userid}", self.line), &[], b"")
        }
    }

    async fn counted(&self) -> u64 {
        let name = "http_server_request_duration_seconds_count";
        self.program.metric_where(name, self.route).await
    }
}

/// Row 26.
pub(crate) async fn smuggled(mut case: Case) -> Vec<Report> {
    let functions = Functions::start(&case.servers).await;
    let [hidden, honest] =
        ["hidden", "honest"].map(|who| format!("{who}-{}", sample::fresh_user()));
    let (buy, list) = ("POST /buy", "GET /getAllUserBuys/");
    let mut reports = Vec::new();
    let mut bought = 0;
    for (name, program) in functions.each() {
        let (line, route) = match name {
            "buy" | "frontend" => (buy, "\"/buy\""),
            "storer" | "consumer" => ("POST /purchases", "\"/purchases\""),
            _ => (list, "\"/getAllUserBuys"),
        };
        let target = Target {
            name,
            program,
            line,
            route,
        };
        let upstream = Target {
            name,
            program: &functions.stack.buy,
            line,
            route,
        };
        let behind = (name == "frontend").then_some(&upstream);
        bought += u64::from(target.buys());
        reports.push(attack(&target, behind, &hidden, &honest, &mut case.random).await);
    }
    functions.scene.drained().await;
    let documents = functions.scene.documents().await;
    let count = async |userid: &str| {
        documents
            .count_documents(doc! {"userid": userid})
            .await
            .unwrap()
    };
    let (stolen, control) = (count(&hidden).await, count(&honest).await);
    let reports = reports.into_iter().map(|report| {
        report
            .expect(stolen == 0, || {
                format!("{stolen} hidden purchases are stored")
            })
            .expect(control == bought, || {
                format!("{control} of {bought} honest ones are stored")
            })
    });
    functions.stop(reports.collect()).await
}

async fn attack(
    target: &Target<'_>,
    behind: Option<&Target<'_>>,
    hidden: &str,
    honest: &str,
    random: &mut Random,
) -> Report {
    let counted = async || {
        (
            target.counted().await,
            match behind {
                Some(behind) => behind.counted().await,
                None => 0,
            },
        )
    };
    let address = target.program.address();
    let mut tricks = tricks(target, &target.request(hidden));
    random.shuffle(&mut tricks);
    let before = counted().await;
    let told = join_all(tricks.iter().map(|(_, bytes)| say(address, bytes))).await;
    let after = counted().await;
    let answers: u64 = told.iter().map(|heard| answers(heard).len() as u64).sum();
    let refused = told.iter().filter(|heard| answers_are(heard, 400)).count();
    let closed = told.iter().filter(|heard| heard.closed).count();
    let wrong: Vec<_> = tricks
        .iter()
        .zip(&told)
        .filter(|(_, heard)| !is_one_answer(heard))
        .map(|((title, _), heard)| {
            format!("{title}: {:?}, closed: {}", heard.statuses(), heard.closed)
        })
        .collect();
    // Two requests that hide nothing, in one breath: a second request would be heard.
    let two = [target.request("somebody"), target.request(honest)].concat();
    let pipelined = say(address, &two).await.statuses();
    let (here, there) = (after.0 - before.0, after.1 - before.1);
    Report::new(26, target.name)
        .expect(wrong.is_empty(), || wrong.join("\n"))
        .expect(here <= answers, || {
            format!("{here} requests were counted, and {answers} answered")
        })
        .expect(there <= answers, || {
            format!("{there} reached the upstream, and {answers} were answered")
        })
        .expect(pipelined.len() == 2, || {
            format!("two honest requests: {pipelined:?}")
        })
        .evidence("tricks", tricks.len() as u64)
        .evidence("400", refused as u64)
        .evidence("closed", closed as u64)
        .evidence("honest pairs", u64::from(pipelined.len() == 2))
}

fn answers(heard: &Heard) -> Vec<u16> {
    let statuses = heard.statuses().into_iter();
    statuses.filter(|status| *status >= 200).collect()
}

fn answers_are(heard: &Heard, status: u16) -> bool {
    answers(heard) == [status]
}

fn is_one_answer(heard: &Heard) -> bool {
    match answers(heard)[..] {
        [] => heard.closed,
        [status] => status < 500,
        _ => false,
    }
}

fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    written(line, "1.1", headers, body)
}

fn written(line: &str, version: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    let head = format!("{line} HTTP/{version}\r\nHost: shop.example\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn length(bytes: usize) -> String {
    format!("Content-Length: {bytes}")
}

fn chunked(data: &[u8]) -> Vec<u8> {
    [
        format!("{:x}\r\n", data.len()).as_bytes(),
        data,
        b"\r\n0\r\n\r\n",
    ]
    .concat()
}

type Trick = (String, Vec<u8>);

fn tricks(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let mut tricks = lengths(target, hidden);
    for encoding in ENCODINGS {
        tricks.extend(two_framings(target, encoding, hidden));
    }
    tricks.extend(odd_chunks(target, hidden));
    tricks.extend(unread(target, hidden));
    tricks
}

/// The line of a request that is no trick by itself.
fn line_of(target: &Target<'_>) -> String {
    if target.buys() {
        target.line.to_owned()
    } else {
        format!("{}somebody", target.line)
    }
}

/// Both ways to tell where a body ends: one of them ends it before the hidden request.
fn two_framings(target: &Target<'_>, encoding: &str, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let outer = chunked(purchase_of("somebody").as_bytes());
    let ended = [&outer, hidden].concat();
    let inside = chunked(hidden);
    let first_line = inside
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or_default()
        + 1;
    let (all, few) = (length(ended.len()), length(first_line));
    let trick = |title: &str, headers: &[&str], body: &[u8]| {
        (
            format!("{encoding:?}, {title}"),
            request(&line, headers, body),
        )
    };
    let old = written(
        &line,
        "1.0",
        &["Connection: keep-alive", encoding, JSON],
        &ended,
    );
    vec![
        trick(
            "hidden behind the last chunk",
            &[JSON, &all, encoding],
            &ended,
        ),
        trick("the same, the length last", &[JSON, encoding, &all], &ended),
        trick("hidden in a chunk", &[JSON, &few, encoding], &inside),
        trick(
            "the same, the length last",
            &[JSON, encoding, &few],
            &inside,
        ),
        (format!("{encoding:?} in HTTP/1.0"), old),
    ]
}

/// Two lengths, or one that is no number.
fn lengths(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let outer = purchase_of("somebody");
    let body = [outer.as_bytes(), hidden].concat();
    let (short, long) = (outer.len(), body.len());
    [
        format!("{short}\r\nContent-Length: {long}"),
        format!("{long}\r\nContent-Length: {short}"),
        format!("{short}, {long}"),
        format!("{short},{short}"),
        format!("+{short}"),
        format!("-{short}"),
        format!("0x{short:x}"),
        format!("{short} {short}"),
        format!("{short};"),
        format!("{short}.0"),
        format!("{short}e0"),
        format!("\"{short}\""),
        String::new(),
        format!("\x0b{short}"),
        format!("1844674407370955161{short}"),
    ]
    .into_iter()
    .map(|value| {
        let header = format!("Content-Length: {value}");
        (
            format!("{header:?}"),
            request(&line, &[JSON, &header], &body),
        )
    })
    .collect()
}

/// Sizes of a chunk that one server reads, and another reads as something else.
fn odd_chunks(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let size = format!("{:x}", hidden.len());
    let sizes = [
        format!("0x{size}\r\n"),
        format!("+{size}\r\n"),
        format!(" {size}\r\n"),
        format!("{size} \r\n"),
        format!("{size};a=b\r\n"),
        format!("{size};a=\"\r\n\""),
        format!("{size};\n"),
        format!("{size}\n"),
        format!("{size}\r"),
        format!("00000000000000000{size}\r\n"),
        format!("1000000000000000{size}\r\n"),
        "-1\r\n".to_owned(),
        "\r\n".to_owned(),
        // Where trailers are due.
        "0\r\n".to_owned(),
    ];
    let trick = |size: String| {
        let body = [size.as_bytes(), hidden, b"\r\n0\r\n\r\n"].concat();
        (
            format!("chunk {size:?}"),
            request(&line, &[JSON, CHUNKED], &body),
        )
    };
    sizes.into_iter().map(trick).collect()
}

/// Bodies that are refused before they are read, or that nobody wants.
fn unread(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let many = hidden.repeat(500);
    let (exact, short) = (length(many.len()), length(hidden.len()));
    let in_chunks = chunked(&many);
    let mut tricks = Vec::new();
    for (title, line, header) in [
        ("no such address", "POST /nowhere", JSON),
        ("no such method", "DELETE /buy", JSON),
        ("HEAD", "HEAD /health", JSON),
        ("GET", "GET /health", JSON),
        ("another type", &line, "Content-Type: text/plain"),
        ("compressed", &line, "Content-Encoding: gzip"),
        (
            "two keys",
            &line,
            "Idempotency-Key: a\r\nIdempotency-Key: b",
        ),
        (
            "its length is for the next hop only",
            &line,
            "Connection: Content-Length",
        ),
        (
            "its chunks are for the next hop only",
            &line,
            "Connection: Transfer-Encoding",
        ),
        (
            "HTTP/2, if you please",
            &line,
            "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
        ),
        (
            "expects 100",
            &line,
            "Content-Type: text/plain\r\nExpect: 100-continue",
        ),
        ("a bare CR", &line, "X: a\rContent-Length: 0"),
    ] {
        tricks.push((
            format!("unread, {title}"),
            request(line, &[header, &short], hidden),
        ));
        tricks.push((
            format!("unread and long, {title}"),
            request(line, &[header, &exact], &many),
        ));
        tricks.push((
            format!("unread chunks, {title}"),
            request(line, &[header, CHUNKED], &in_chunks),
        ));
    }
    tricks
}
