//! Requests that hide another one in a body whose end two servers could see at two places.
//!
//! The hidden one would buy something, or ask for a list. It is never heard: not as a second answer on the connection, not in
//! the counts of requests, not behind the gateway, and not in the store.

mod tricks;

use e2e::Program;
use futures_util::future::join_all;
use mongodb::bson::doc;
use testkit::random::Random;
use testkit::sample;

use self::tricks::tricks;
use super::Case;
use super::functions::{Functions, purchase_of};
use super::wire::{Heard, say};
use crate::report::Report;

const JSON: &str = "Content-Type: application/json";
const CHUNKED: &str = "Transfer-Encoding: chunked";

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
