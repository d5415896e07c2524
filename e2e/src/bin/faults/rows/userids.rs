//! User ids that a path, a query language, a pattern or a filter could take for something else.
//!
//! Somebody buys under each, through every door, and asks every function for the list: it holds what was bought under that
//! id and nothing else, or the id is refused everywhere.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use e2e::Program;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::raw;
use testkit::sample::HOSTILE_USER_IDS;

use super::Case;
use super::functions::{Functions, purchase_of};
use super::wire::say;
use crate::report::Report;

const JSON: &str = "Content-Type: application/json";

/// Beside those of the unit tests.
const OPERATORS: [&str; 22] = [
    r#"{"$gt":""}"#,
    r#"{"$regex":".*"}"#,
    r#"{"$where":"1"}"#,
    r#"{"$oid":"507f1f77bcf86cd799439011"}"#,
    "[$ne]",
    "$where",
    "$ne",
    "__proto__",
    "null",
    "true",
    "0",
    "*",
    "^",
    "|",
    "../",
    "..",
    ".",
    "%25",
    "%2525",
    "%2e%2e%2f",
    "%c0%af",
    "a'; db.dropDatabase(); '",
];

/// Row 28.
pub(crate) async fn odd(mut case: Case) -> Vec<Report> {
    let functions = Functions::start(&case.servers).await;
    // Whose purchases an operator would bring along.
    for userid in ["ada", "bob", "a"] {
        let bought = Door::ALL[0].buy(&functions, userid).await;
        assert_eq!(bought, Some(201), "{userid}");
    }
    let mut ids = ids();
    case.random.shuffle(&mut ids);
    let mut bought = Vec::new();
    for some in ids.chunks(8) {
        bought.extend(join_all(some.iter().map(|id| buy(&functions, id))).await);
    }
    functions.scene.drained().await;
    let mut told: Vec<_> = functions.each().map(|(name, _)| Told::new(name)).into();
    let names = functions.each().map(|(name, _)| name);
    let of = |name: &str| names.iter().position(|known| *known == name).unwrap();
    for (id, answers) in ids.iter().zip(&bought) {
        for (door, answer) in Door::ALL.iter().zip(answers) {
            let at = of(door.function);
            told[at].bought(id, door, *answer);
        }
        let items: BTreeSet<_> = Door::ALL
            .iter()
            .zip(answers)
            .filter(|(_, answer)| matches!(answer, Some(201 | 204)))
            .map(|(door, _)| door.item)
            .collect();
        for (function, problem) in wrong_lists(&functions, id, &items).await {
            let at = of(function);
            told[at].listed(id, problem);
        }
    }
    for (function, problem) in operators_in_queries(&functions).await {
        let at = of(function);
        told[at].listed("ada", problem);
    }
    functions
        .stop(told.into_iter().map(Told::into_report).collect())
        .await
}

/// What one function made of all ids.
struct Told {
    report: Report,
    refused: u64,
    literal: u64,
}

impl Told {
    fn new(name: &'static str) -> Self {
        Self {
            report: Report::new(28, name),
            refused: 0,
            literal: 0,
        }
    }

    fn bought(&mut self, id: &str, door: &Door, answer: Option<u16>) {
        match answer {
            Some(201 | 204) => self.literal += 1,
            Some(400 | 422) => self.refused += 1,
            answer => self.problem(id, &format!("{door:?} answers {answer:?}")),
        }
    }

    fn listed(&mut self, id: &str, problem: Option<String>) {
        match problem {
            None => self.literal += 1,
            Some(problem) => self.problem(id, &problem),
        }
    }

    fn problem(&mut self, id: &str, problem: &str) {
        let id: String = id.chars().take(40).collect();
        self.report.problem(format!("{id:?}: {problem}"));
    }

    fn into_report(self) -> Report {
        let report = self.report.evidence("taken literally", self.literal);
        match report.road {
            // It only reads.
            "query" => report,
            _ => report.evidence("refused", self.refused),
        }
    }
}

fn ids() -> Vec<String> {
    let plain = HOSTILE_USER_IDS
        .iter()
        .chain(&OPERATORS)
        .map(|id| (*id).to_owned());
    let long = [
        "x".repeat(256),
        "\u{1f6d2}".repeat(256),
        "x".repeat(257),
        "x".repeat(10 * 1024),
        "a\0b".to_owned(),
        "a\r\nX-Injected: 1".to_owned(),
        "\u{202e}ada".to_owned(),
    ];
    plain.chain(long).collect()
}

/// A way to buy.
#[derive(Debug)]
struct Door {
    function: &'static str,
    item: &'static str,
}

impl Door {
    const ALL: [Self; 6] = [
        Self {
            function: "buy",
            item: "by JSON",
        },
        Self {
            function: "frontend",
            item: "by form",
        },
        Self {
            function: "storer",
            item: "direct",
        },
        Self {
            function: "storer",
            item: "by event",
        },
        Self {
            function: "consumer",
            item: "direct at consumer",
        },
        Self {
            function: "consumer",
            item: "by structured event",
        },
    ];

    async fn buy(&self, functions: &Functions, id: &str) -> Option<u16> {
        let (_, program) = functions
            .each()
            .into_iter()
            .find(|(name, _)| *name == self.function)?;
        let mut purchase: Value = serde_json::from_str(&purchase_of(id)).unwrap();
        purchase["item"] = self.item.into();
        let (json, time) = (purchase.to_string(), "2026-01-31T12:00:00.000Z");
        let kind = "dev.userbuylist.purchase.recorded.v1";
        let request = match self.item {
            "by JSON" => raw::request("POST /buy", &[JSON], json),
            "by form" => {
                let form = "Content-Type: application/x-www-form-urlencoded";
                let (user, item) = (encoded(id), encoded(self.item));
                let body = format!("username=Ada&userid={user}&item={item}&price=12.5");
                raw::request("POST /buy", &[form], body)
            }
            "by event" => {
                let (id, time) = (
                    format!("ce-id: {}", encoded(id)),
                    format!("ce-time: {time}"),
                );
                let kind = format!("ce-type: {kind}");
                let headers = [
                    JSON,
                    "ce-specversion: 1.0",
                    "ce-source: /odd",
                    &id,
                    &time,
                    &kind,
                ];
                raw::request("POST /", &headers, json)
            }
            "by structured event" => {
                // Ids of events have no control characters.
                let id = encoded(id);
                let event = json!({"specversion": "1.0", "id": id, "source": "/odd2", "type": kind, "time": time, "data": purchase});
                raw::request(
                    "POST /",
                    &["Content-Type: application/cloudevents+json"],
                    event.to_string(),
                )
            }
            _ => raw::request("POST /purchases", &[JSON], json),
        };
        say(program.address(), &request).await.status()
    }
}

async fn buy(functions: &Functions, id: &str) -> Vec<Option<u16>> {
    join_all(Door::ALL.iter().map(|door| door.buy(functions, id))).await
}

/// Every address of a list, spelled in every way, with what is wrong there.
async fn wrong_lists(
    functions: &Functions,
    id: &str,
    items: &BTreeSet<&str>,
) -> Vec<(&'static str, Option<String>)> {
    let lists = |program: &Program, paths: &[&str]| -> Vec<(SocketAddr, String)> {
        paths
            .iter()
            .map(|path| (program.address(), (*path).to_owned()))
            .collect()
    };
    let (public, neighbours) = ("/getAllUserBuys/", "/purchases/");
    let mut wrong = Vec::new();
    for (function, program) in functions.each() {
        let paths: &[&str] = match function {
            "buy" => &[public],
            "frontend" => &[public, "/api/getAllUserBuys/"],
            "storer" => &[],
            _ => &[public, neighbours],
        };
        for (address, path) in lists(program, paths) {
            for (spelled, may_refuse) in spellings(id) {
                let found = list_of(address, &format!("{path}{spelled}")).await;
                wrong.push((
                    function,
                    wrong_list(id, items, found, may_refuse)
                        .map(|wrong| format!("{path}: {wrong}")),
                ));
            }
        }
    }
    wrong
}

fn wrong_list(
    id: &str,
    items: &BTreeSet<&str>,
    (status, list): (Option<u16>, Value),
    may_refuse: bool,
) -> Option<String> {
    // 10 KiB in three characters each are longer than any address.
    let is_refused = matches!(status, Some(400 | 414));
    if is_refused && (may_refuse || items.is_empty()) {
        return None;
    }
    let listed = list.as_array()?.iter();
    let found: BTreeSet<_> = listed
        .clone()
        .filter_map(|one| one["item"].as_str())
        .collect();
    let exact = status == Some(200)
        && found == *items
        && listed.len() == items.len()
        && listed.clone().all(|one| one["userid"] == id);
    (!exact).then(|| format!("{status:?} {list}, but {items:?} were bought"))
}

async fn list_of(address: SocketAddr, path: &str) -> (Option<u16>, Value) {
    let heard = say(address, &raw::head(&format!("GET {path}"), &[])).await;
    let text = String::from_utf8_lossy(&heard.bytes);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (
        heard.status(),
        serde_json::from_str(body).unwrap_or_else(|_| json!([body])),
    )
}

/// An id in a path: every byte encoded, only what must be, and nothing at all if that means the same; and whether a server
/// may find that such a path is no address.
fn spellings(id: &str) -> Vec<(String, bool)> {
    let must = |byte: u8| byte <= b' ' || byte >= 0x7f || b"%?#\"<>\\^`{|}".contains(&byte);
    let mut spellings = vec![(encoded(id), false), (encoded_where(id, must), false)];
    if id
        .bytes()
        .all(|byte| (b'!'..0x7f).contains(&byte) && !b"%?#".contains(&byte))
    {
        spellings.push((id.to_owned(), true));
    }
    spellings
}

fn encoded(text: &str) -> String {
    encoded_where(text, |_| true)
}

fn encoded_where(text: &str, must: impl Fn(u8) -> bool) -> String {
    let spell = |byte: u8| match must(byte) {
        true => format!("%{byte:02X}"),
        false => char::from(byte).to_string(),
    };
    text.bytes().map(spell).collect()
}

/// Operators where a parameter is due: the list is the same or refused, never a larger one.
async fn operators_in_queries(functions: &Functions) -> Vec<(&'static str, Option<String>)> {
    let queries = [
        "userid[$ne]=x",
        "limit[$gt]=0",
        "limit={\"$gt\":0}",
        "limit=1e9",
        "limit=-1",
        "limit=99999999999999999999",
        "cursor={\"$gt\":\"\"}",
        "cursor=%00",
        "cursor=../../x",
        "contains={\"$ne\":null}",
        "contains[$ne]=x",
        "contains=%00",
        "$where=1",
    ];
    let mut wrong = Vec::new();
    let items = BTreeSet::from(["by JSON"]);
    for (function, program) in functions.each() {
        if function == "storer" {
            continue;
        }
        for query in queries {
            let path = format!(
                "/getAllUserBuys/ada?{}",
                encoded_where(query, |byte| b"{}\"%".contains(&byte))
            );
            let found = list_of(program.address(), &path).await;
            let problem =
                wrong_list("ada", &items, found, true).map(|wrong| format!("{query}: {wrong}"));
            wrong.push((function, problem));
        }
    }
    wrong
}
