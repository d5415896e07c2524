//! JSON that a parser, a float, a driver or a terminal could trip over: refused, or listed exactly as it was sent.

mod samples;

use std::net::SocketAddr;

use futures_util::future::join_all;
use serde_json::Value;
use testkit::random::Random;
use testkit::raw;
use testkit::{eventually, sample};

use self::samples::{Sample, samples};
use super::Case;
use super::functions::Functions;
use super::wire::say;
use crate::report::Report;

/// A way in: the request line and headers around a body.
struct Door {
    function: &'static str,
    address: SocketAddr,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Purchase(&'static str),
    Binary,
    Structured,
}

/// Row 27.
pub(crate) async fn odd_json(mut case: Case) -> Vec<Report> {
    let functions = Functions::start(&case.servers).await;
    let mut doors = Vec::new();
    for (function, program) in functions.each() {
        let ways: &[Way] = match function {
            "buy" => &[Way::Purchase("POST /buy")],
            "frontend" => &[Way::Purchase("POST /api/buy")],
            "query" => &[],
            _ => &[
                Way::Purchase("POST /purchases"),
                Way::Binary,
                Way::Structured,
            ],
        };
        let address = program.address();
        doors.extend(ways.iter().map(|way| Door {
            function,
            address,
            way: *way,
        }));
    }
    let lists = [
        functions.stack.query.address(),
        functions.stack.frontend.address(),
    ];
    let mut reports: Vec<_> = functions
        .each()
        .map(|(name, _)| (name, Report::new(27, name), 0, 0))
        .into();
    for door in &doors {
        let told = through(door, &mut case.random, lists).await;
        let entry = reports.iter_mut().find(|(name, ..)| *name == door.function);
        let (_, report, refused, stored) = entry.unwrap();
        *refused += told.refused;
        *stored += told.stored;
        for problem in told.wrong {
            report.problem(problem);
        }
    }
    // query and frontend showed all of them.
    let all = reports.iter().map(|(.., stored)| stored).sum::<u64>();
    let reports = reports
        .into_iter()
        .map(|(name, report, refused, stored)| match name {
            "query" => report.evidence("listed exactly", all),
            _ => report
                .evidence("refused", refused)
                .evidence("listed exactly", stored),
        });
    functions.stop(reports.collect()).await
}

#[derive(Default)]
struct Told {
    refused: u64,
    stored: u64,
    wrong: Vec<String>,
}

async fn through(door: &Door, random: &mut Random, lists: [SocketAddr; 2]) -> Told {
    // Texts of our own: a stored one is found by its user, so each has its own.
    let unique = sample::fresh_user();
    let samples: Vec<_> = samples(random)
        .into_iter()
        .enumerate()
        .map(|(n, sample)| (format!("{unique}-{n}"), sample))
        .collect();
    let sent = samples
        .iter()
        .map(|(user, sample)| say_it(door, user, sample));
    let answers = join_all(sent).await;
    let mut told = Told::default();
    for ((user, sample), answer) in samples.iter().zip(answers) {
        let wrong = match (&sample.listed, answer) {
            (None, Some(400 | 422)) => {
                told.refused += 1;
                let list = list_of(lists[0], user).await;
                (list.as_deref() != Some("[]")).then(|| format!("refused, and listed: {list:?}"))
            }
            (Some(expected), Some(201 | 204)) => {
                told.stored += 1;
                not_listed(lists, user, expected).await
            }
            (_, answer) => Some(format!("{answer:?}")),
        };
        if let Some(wrong) = wrong {
            let way = match door.way {
                Way::Purchase(line) => line,
                Way::Binary => "binary event",
                Way::Structured => "structured event",
            };
            told.wrong.push(format!("{way}, {}: {wrong}", sample.title));
        }
    }
    told
}

async fn say_it(door: &Door, user: &str, sample: &Sample) -> Option<u16> {
    let at = sample.body.windows(4).position(|window| window == b"USER");
    let body = match at {
        Some(at) => [&sample.body[..at], user.as_bytes(), &sample.body[at + 4..]].concat(),
        None => sample.body.clone(),
    };
    let (json, time) = ("Content-Type: application/json", "2026-01-31T12:00:00.000Z");
    let request = match door.way {
        Way::Purchase(line) => raw::request(line, &[json], body),
        Way::Binary => {
            let (id, time) = (format!("ce-id: {user}"), format!("ce-time: {time}"));
            let headers = [
                json,
                "ce-specversion: 1.0",
                "ce-source: /faults",
                &id,
                &time,
            ];
            let kind = "ce-type: dev.userbuylist.purchase.recorded.v1";
            raw::request("POST /", &[&headers[..], &[kind]].concat(), body)
        }
        Way::Structured => {
            let head = format!(
                r#"{{"specversion":"1.0","id":"{user}","source":"/faults","time":"{time}","type":"dev.userbuylist.purchase.recorded.v1","data":"#
            );
            let envelope = [head.as_bytes(), &body, b"}"].concat();
            raw::request(
                "POST /",
                &["Content-Type: application/cloudevents+json"],
                envelope,
            )
        }
    };
    say(door.address, &request).await.status()
}

/// The text of a list.
async fn list_of(address: SocketAddr, user: &str) -> Option<String> {
    let request = raw::head(&format!("GET /getAllUserBuys/{user}"), &[]);
    let heard = say(address, &request).await;
    let text = String::from_utf8(heard.bytes).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}

/// What is wrong with the list of somebody who bought one thing, read past and through the gateway.
async fn not_listed(
    lists: [SocketAddr; 2],
    user: &str,
    (username, item, price): &(String, String, String),
) -> Option<String> {
    for address in lists {
        let text = eventually("a purchase in its list", async || {
            list_of(address, user).await.filter(|text| text != "[]")
        })
        .await;
        let list: Value = serde_json::from_str(&text).unwrap_or_default();
        let one = &list[0];
        let exact = list.as_array().map(Vec::len) == Some(1)
            && one["username"] == **username
            && one["item"] == **item
            && one["userid"] == *user
            && text.contains(&format!("\"price\":{price},"));
        if !exact {
            return Some(format!(
                "{username:?}, {item:?}, {price} is listed as {text}"
            ));
        }
    }
    None
}
