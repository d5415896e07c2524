//! The oracle: was the one promise kept?
//!
//! The client side writes down what it attempted and what it was told. When everything is quiet, the lists are compared with
//! that: every 201 is listed exactly once, everything listed was attempted, an ambiguous answer may have come true once or
//! not at all, and what was refused did not happen.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::{eventually, sample};

/// Something a client wants to buy, once. Its item is unique, so that it is recognised in the list whatever id it got.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Intent {
    pub userid: String,
    pub item: String,
    /// With a key, repeating the request is the same purchase; without one, each request is a purchase of its own.
    pub key: Option<String>,
}

impl Intent {
    /// A new intent of a user.
    #[must_use]
    pub fn new(userid: &str, keyed: bool) -> Self {
        let unique = sample::purchase("x").id.to_string();
        Self {
            userid: userid.to_owned(),
            item: format!("item {unique}"),
            key: keyed.then_some(unique),
        }
    }
}

/// What the client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 201 with this id.
    Accepted(String),
    /// A 4xx, or a 503 that says `recorded: "no"`.
    NotRecorded,
    /// A timeout, a reset, a 503 that says `recorded: "unknown"`, or anything else that promises nothing.
    Ambiguous,
}

/// A purchase as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub userid: String,
    pub item: String,
    pub timestamp: String,
}

/// The client's log.
#[derive(Debug, Default)]
pub struct Oracle {
    answers: Mutex<HashMap<Intent, Vec<Outcome>>>,
    /// Refusals of the server's making that leave open when to try again, or what is known of the purchase.
    incomplete: Mutex<Vec<String>>,
}

impl Oracle {
    /// Buys and writes down the answer.
    pub async fn buy(&self, client: &reqwest::Client, url: &str, intent: &Intent) -> Outcome {
        let body = json!({
            "username": "Oracle", "userid": intent.userid, "item": intent.item, "price": 1.5,
        });
        let mut request = client
            .post(format!("{url}/buy"))
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(key) = &intent.key {
            request = request.header("idempotency-key", key);
        }
        let outcome = match request.send().await {
            Ok(answer) => {
                let status = answer.status();
                let retry_after = answer.headers().contains_key("retry-after");
                match answer.text().await {
                    Ok(body) => {
                        let says = retry_after && body.contains("\"recorded\":");
                        if status.is_server_error() && !says {
                            self.incomplete
                                .lock()
                                .unwrap()
                                .push(format!("{status}: {body}"));
                        }
                        read_answer(status.as_u16(), &body)
                    }
                    Err(_) => Outcome::Ambiguous,
                }
            }
            Err(error) if error.is_connect() => Outcome::NotRecorded,
            Err(_) => Outcome::Ambiguous,
        };
        self.told(intent, outcome.clone());
        outcome
    }

    /// Writes down an answer that was got in another way.
    pub fn told(&self, intent: &Intent, outcome: Outcome) {
        self.answers
            .lock()
            .unwrap()
            .entry(intent.clone())
            .or_default()
            .push(outcome);
    }

    /// Every user who attempted something.
    #[must_use]
    pub fn users(&self) -> HashSet<String> {
        self.answers
            .lock()
            .unwrap()
            .keys()
            .map(|intent| intent.userid.clone())
            .collect()
    }

    /// Every id that was promised.
    #[must_use]
    pub fn promised(&self) -> HashSet<String> {
        let answers = self.answers.lock().unwrap();
        answers
            .values()
            .flatten()
            .filter_map(|outcome| match outcome {
                Outcome::Accepted(id) => Some(id.clone()),
                _ => None,
            })
            .collect()
    }

    /// The lists of all users, as `url` gives them, once they hold every purchase that was promised.
    pub async fn full_lists(&self, client: &reqwest::Client, url: &str) -> Vec<Vec<Listed>> {
        let promised = self.promised();
        eventually("every promised purchase in its list", async || {
            let mut lists = Vec::new();
            for user in self.users() {
                lists.push(list(client, url, &user).await);
            }
            let ids: HashSet<_> = lists.iter().flatten().map(|listed| &listed.id).collect();
            promised.iter().all(|id| ids.contains(id)).then_some(lists)
        })
        .await
    }

    /// Compares the log with the lists of all its users, each in the order it was given out.
    #[must_use]
    pub fn judge(&self, lists: &[Vec<Listed>]) -> Verdict {
        let answers = self.answers.lock().unwrap();
        let mut verdict = Verdict {
            incomplete: self.incomplete.lock().unwrap().clone(),
            ..Verdict::default()
        };
        let mut stored: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
        for list in lists {
            if !list
                .windows(2)
                .all(|pair| (&pair[0].timestamp, &pair[0].id) > (&pair[1].timestamp, &pair[1].id))
            {
                verdict.disordered.push(list[0].userid.clone());
            }
            for purchase in list {
                verdict.stored += 1;
                let content = (purchase.userid.as_str(), purchase.item.as_str());
                stored.entry(content).or_default().push(&purchase.id);
            }
        }
        for (intent, outcomes) in &*answers {
            let ids = stored
                .remove(&(&intent.userid, &intent.item))
                .unwrap_or_default();
            verdict.weigh(intent, outcomes, &ids);
        }
        for ((userid, item), ids) in stored {
            verdict
                .never_attempted
                .push(format!("{item} of {userid}: {ids:?}"));
        }
        verdict
    }
}

fn read_answer(status: u16, body: &str) -> Outcome {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    match (status, body["recorded"].as_str()) {
        (201, _) => body["purchase"]["id"]
            .as_str()
            .map_or(Outcome::Ambiguous, |id| Outcome::Accepted(id.to_owned())),
        (400..=499, _) | (503, Some("no")) => Outcome::NotRecorded,
        _ => Outcome::Ambiguous,
    }
}

/// What the oracle found. Its `Display` is a line for a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub attempts: usize,
    pub accepted: usize,
    pub ambiguous: usize,
    pub stored: usize,
    /// Promised and not listed.
    pub lost: Vec<String>,
    /// Listed more often than it was bought.
    pub doubled: Vec<String>,
    /// Listed although the answer said that it was not recorded, or although nobody asked for it.
    pub never_attempted: Vec<String>,
    /// Users whose list is out of order.
    pub disordered: Vec<String>,
    /// 5xx answers without `Retry-After` or `recorded`.
    pub incomplete: Vec<String>,
}

impl Verdict {
    fn weigh(&mut self, intent: &Intent, outcomes: &[Outcome], ids: &[&str]) {
        let promised: HashSet<&str> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Accepted(id) => Some(id.as_str()),
                _ => None,
            })
            .collect();
        let accepted = outcomes
            .iter()
            .filter(|o| matches!(o, Outcome::Accepted(_)))
            .count();
        let ambiguous = outcomes
            .iter()
            .filter(|o| **o == Outcome::Ambiguous)
            .count();
        self.attempts += outcomes.len();
        self.accepted += accepted;
        self.ambiguous += ambiguous;
        let most = match &intent.key {
            Some(_) => usize::from(accepted + ambiguous > 0),
            None => accepted + ambiguous,
        };
        for id in promised.iter().filter(|id| !ids.contains(id)) {
            self.lost.push(format!("{id} ({})", intent.item));
        }
        if ids.len() > most && most > 0 {
            self.doubled.push(format!("{}: {ids:?}", intent.item));
        } else if ids.len() > most {
            self.never_attempted
                .push(format!("{}: {ids:?} was refused", intent.item));
        }
        if intent.key.is_some() && promised.len() > 1 {
            self.doubled
                .push(format!("{}: one key, ids {promised:?}", intent.item));
        }
    }

    /// Whether the promise was kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        [
            &self.lost,
            &self.doubled,
            &self.never_attempted,
            &self.disordered,
            &self.incomplete,
        ]
        .iter()
        .all(|faults| faults.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sent {}, acknowledged {}, ambiguous {}, stored {}, lost {}, doubled {}, \
             never attempted {}, disordered {}",
            self.attempts,
            self.accepted,
            self.ambiguous,
            self.stored,
            self.lost.len(),
            self.doubled.len(),
            self.never_attempted.len(),
            self.disordered.len(),
        )
    }
}

/// The whole list of a user, as `url` gives it.
pub async fn list(client: &reqwest::Client, url: &str, userid: &str) -> Vec<Listed> {
    let answer = client
        .get(format!("{url}/getAllUserBuys/{userid}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let list: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let text =
        |purchase: &Value, name: &str| purchase[name].as_str().unwrap_or_default().to_owned();
    list.as_array()
        .unwrap()
        .iter()
        .map(|purchase| Listed {
            id: text(purchase, "id"),
            userid: text(purchase, "userid"),
            item: text(purchase, "item"),
            timestamp: text(purchase, "timestamp"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(intent: &Intent, id: &str) -> Listed {
        Listed {
            id: id.to_owned(),
            userid: intent.userid.clone(),
            item: intent.item.clone(),
            timestamp: "2026-01-31T12:00:00.000Z".to_owned(),
        }
    }

    #[test]
    fn a_kept_promise_is_recognised() {
        let oracle = Oracle::default();
        let [keyed, plain] = [true, false].map(|keyed| Intent::new("ada", keyed));
        oracle.told(&keyed, Outcome::Ambiguous);
        oracle.told(&keyed, Outcome::Accepted("2".into()));
        oracle.told(&plain, Outcome::NotRecorded);
        oracle.told(&plain, Outcome::Accepted("1".into()));
        let verdict = oracle.judge(&[vec![listed(&keyed, "2"), listed(&plain, "1")]]);
        assert!(verdict.is_kept(), "{verdict:?}");
        assert_eq!(
            (verdict.accepted, verdict.ambiguous, verdict.stored),
            (2, 1, 2)
        );
    }

    #[test]
    fn every_kind_of_broken_promise_is_recognised() {
        let oracle = Oracle::default();
        let [lost, doubled, refused] = [true; 3].map(|keyed| Intent::new("ada", keyed));
        oracle.told(&lost, Outcome::Accepted("9".into()));
        oracle.told(&doubled, Outcome::Ambiguous);
        oracle.told(&refused, Outcome::NotRecorded);
        let stranger = Intent::new("ada", false);
        let verdict = oracle.judge(&[vec![
            listed(&doubled, "1"),
            listed(&doubled, "2"),
            listed(&refused, "3"),
            listed(&stranger, "4"),
        ]]);
        assert_eq!(verdict.lost.len(), 1);
        assert_eq!(verdict.doubled.len(), 1);
        assert_eq!(verdict.never_attempted.len(), 2);
        assert_eq!(verdict.disordered, ["ada"]);
        assert!(!verdict.is_kept());
    }
}
