//! CloudEvents as they come from anybody: the table of answers, the same in every mode, at storer and at consumer.

mod sent;

use std::net::SocketAddr;

use mongodb::bson::doc;
use serde_json::json;
use testkit::random::Random;
use testkit::raw;
use testkit::sample;

use self::sent::{BATCH, Mode, STRUCTURED, Sent, TYPE, all_encoded, post};
use super::Case;
use super::functions::Functions;
use super::wire::say;
use crate::report::Report;

const RAW_TYPE: &str = "dev.knative.kafka.event";
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Row 29.
pub(crate) async fn odd(mut case: Case) -> Vec<Report> {
    let functions = Functions::start(&case.servers).await;
    let mut reports = Vec::new();
    for (name, program) in functions.each() {
        if name == "storer" || name == "consumer" {
            let documents = functions.scene.documents().await;
            let mut asked = Asked {
                address: program.address(),
                report: Report::new(29, name),
                stored: 0,
                refused: 0,
            };
            asked.refuses(&mut case.random).await;
            asked.is_no_event().await;
            let user = asked.stores().await;
            let batch = asked.mixed_batch().await;
            let count = async |user: &str| {
                documents
                    .count_documents(doc! {"userid": user})
                    .await
                    .unwrap()
            };
            let (one, two) = (count(&user).await, count(&batch).await);
            let report = asked.report.expect(one == 3, || {
                format!("3 events in many modes are {one} documents")
            });
            let report = report.expect(two == 2, || {
                format!("2 good events of a batch are {two} documents")
            });
            reports.push(
                report
                    .evidence("stored or known", asked.stored)
                    .evidence("refused", asked.refused),
            );
        }
    }
    functions.stop(reports).await
}

struct Asked {
    address: SocketAddr,
    report: Report,
    stored: u64,
    refused: u64,
}

impl Asked {
    async fn expect(
        &mut self,
        title: &str,
        request: &[u8],
        status: u16,
        reason: Option<&str>,
    ) -> Vec<u8> {
        let heard = say(self.address, request).await;
        let found = raw::header(&heard.bytes, "kne-reason");
        if heard.status() == Some(status) && found.as_deref() == reason {
            *(if status == 204 {
                &mut self.stored
            } else {
                &mut self.refused
            }) += 1;
        } else {
            let statuses = heard.statuses();
            self.report.problem(format!(
                "{title}: {statuses:?} {found:?}, and {status} {reason:?} was due"
            ));
        }
        heard.bytes
    }

    /// In every mode; a batch judges each event for itself, so what is 400 alone is 422 there.
    async fn refuses(&mut self, random: &mut Random) {
        let user = sample::fresh_user();
        let known = Sent::new(&known(&user), &user);
        self.expect("a first event", &known.written(Mode::Binary), 204, None)
            .await;
        let mut cases = refused(&user);
        random.shuffle(&mut cases);
        for (title, sent, status, reason) in cases {
            for mode in Mode::ALL {
                let status = if mode == Mode::Batch { 422 } else { status };
                let title = format!("{title}, {mode:?}");
                let answer = self
                    .expect(&title, &sent.written(mode), status, Some(reason))
                    .await;
                if mode == Mode::Batch {
                    let errors = &raw::body(&answer)["errors"][0];
                    if errors["index"] != 0 || errors["reason"] != reason {
                        self.report.problem(format!("{title}: {errors}"));
                    }
                }
            }
        }
        for mode in Mode::ALL {
            let large = Sent::new("large", &user);
            let spaces = " ".repeat(BODY_BYTES_MAX);
            let large = large.clone().data(&(large.data + &spaces));
            self.expect(
                &format!("over 2 MiB, {mode:?}"),
                &large.written(mode),
                413,
                Some("too-large"),
            )
            .await;
        }
    }

    async fn is_no_event(&mut self) {
        let data = r#"{"username":"Ada","userid":"ada","price":1}"#;
        for (kind, status) in [
            ("application/x-www-form-urlencoded", 415),
            ("text/plain", 415),
            ("application/cloudevents+avro", 415),
            ("application/json", 400),
        ] {
            self.expect(kind, &post(kind, data), status, Some("malformed"))
                .await;
        }
        for kind in [STRUCTURED, BATCH] {
            for body in ["", "hello", "\"hello\"", "[{]", "{\"id\":{}}", "nul"] {
                self.expect(
                    &format!("{kind}: {body:?}"),
                    &post(kind, body),
                    400,
                    Some("malformed"),
                )
                .await;
            }
        }
        // A batch of nothing is done.
        self.expect("an empty batch", &post(BATCH, "[]"), 204, None)
            .await;
    }

    /// Three events, each in every mode and spelling; they differ in nothing but their ids.
    async fn stores(&mut self) -> String {
        let user = sample::fresh_user();
        for id in ["plain", "caf\u{e9} 100 % \"\u{1f6d2}\"", "a+b%20c"] {
            let sent = Sent::new(&format!("{user} {id}"), &user)
                .with("source", "/\u{17c}\u{f3}\u{142}w?a=b c");
            for mode in Mode::ALL {
                self.expect(&format!("{id}, {mode:?}"), &sent.written(mode), 204, None)
                    .await;
            }
            self.expect(id, &sent.binary(all_encoded), 204, None).await;
            // Neither its time nor what else it carries makes it another one.
            let later = sent
                .clone()
                .with("time", "2026-02-01T00:00:00+01:00")
                .with("extra", "\u{fc}");
            let later = later
                .with("subject", "x")
                .with("datacontenttype", "application/json; charset=utf-8");
            for mode in Mode::ALL {
                self.expect(
                    &format!("{id} later, {mode:?}"),
                    &later.written(mode),
                    204,
                    None,
                )
                .await;
            }
            let other = sent.clone().data(&sent.data.replace("12.5", "12.6"));
            for mode in Mode::ALL {
                let title = format!("{id} with another price, {mode:?}");
                self.expect(&title, &other.written(mode), 422, Some("conflict"))
                    .await;
            }
        }
        user
    }

    async fn mixed_batch(&mut self) -> String {
        let user = sample::fresh_user();
        let good = |n: u8| Sent::new(&format!("{user} {n}"), &user);
        let events = [
            (good(0), None),
            (good(1).without("id"), Some("malformed")),
            (good(2).data("{}"), Some("invalid")),
            (good(3).with("type", "other"), Some("unknown-type")),
            (
                good(0).data(&good(0).data.replace("tea", "coffee")),
                Some("conflict"),
            ),
            (good(5), None),
            (good(5), None),
        ];
        let body: Vec<_> = events.iter().map(|(sent, _)| sent.json()).collect();
        let request = post(BATCH, &format!("[{}]", body.join(",")));
        // Once more, and nothing changes.
        for _ in 0..2 {
            let answer = self
                .expect("a mixed batch", &request, 422, Some("malformed"))
                .await;
            let errors = raw::body(&answer)["errors"].clone();
            let told: Vec<_> = errors
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| (one["index"].clone(), one["reason"].clone()))
                .collect();
            let due: Vec<_> = (0..)
                .zip(&events)
                .filter_map(|(index, (_, reason))| Some((json!(index), json!((*reason)?))))
                .collect();
            if told != due {
                self.report.problem(format!("a mixed batch: {errors}"));
            }
        }
        user
    }
}

/// The id of an event that is stored before.
fn known(user: &str) -> String {
    format!("{user} known")
}

type Refused = (&'static str, Sent, u16, &'static str);

fn refused(user: &str) -> Vec<Refused> {
    let new = || Sent::new("refused", user);
    let malformed = |title, sent| (title, sent, 400, "malformed");
    let invalid = |title, data: &str| (title, new().data(data), 422, "invalid");
    vec![
        malformed("no id", new().without("id")),
        malformed("no source", new().without("source")),
        malformed("no type", new().without("type")),
        malformed("no specversion", new().without("specversion")),
        malformed("empty id", new().with("id", "")),
        malformed("id with a control character", new().with("id", "a\u{1}b")),
        malformed("specversion 0.3", new().with("specversion", "0.3")),
        malformed("specversion 2.0", new().with("specversion", "2.0")),
        malformed("specversion 1", new().with("specversion", "1")),
        malformed("a time that is none", new().with("time", "yesterday")),
        malformed("no data", new().data("")),
        malformed("data that is no JSON", new().data("username=Ada")),
        malformed("data that ends early", new().data(r#"{"username":"Ada""#)),
        malformed("data that is no object", new().data("[1]")),
        malformed(
            "price twice",
            new().data(r#"{"username":"A","userid":"a","price":1,"price":2}"#),
        ),
        malformed("a raw record without a place", new().with("type", RAW_TYPE)),
        (
            "another type",
            new().with("type", "dev.userbuylist.purchase.recorded.v2"),
            422,
            "unknown-type",
        ),
        (
            "a type in capitals",
            new().with("type", &TYPE.to_uppercase()),
            422,
            "unknown-type",
        ),
        invalid("nothing in it", "{}"),
        invalid(
            "price below zero",
            r#"{"username":"Ada","userid":"ada","price":-1}"#,
        ),
        invalid(
            "user id with NUL",
            r#"{"username":"Ada","userid":"a\u0000","price":1}"#,
        ),
        invalid(
            "an operator",
            r#"{"username":"Ada","userid":{"$ne":null},"price":1}"#,
        ),
        (
            "ours, with an id that is no UUID",
            new().with("source", "/user-buy-list/buy"),
            422,
            "invalid",
        ),
        (
            "other content",
            Sent::new(&known(user), user).data(r#"{"username":"A","userid":"a","price":1}"#),
            422,
            "conflict",
        ),
    ]
}
