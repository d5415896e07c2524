//! Topics and group have one name, for whoever writes, reads, delivers, scales and declares.

use serde_json::Value;

use super::Findings;
use super::programs::{Told, told, told_nothing};
use crate::Object;

/// Made of the exporter's metric by the rule in `k8s/prometheus-adapter.yaml`.
const LAG: &str = "kafka_consumer_group_lag";
/// Of a purchase with the longest texts, twice over; and of whatever may be a dead letter.
const RECORD_BYTES_MAX: &str = "131072";
const LETTER_BYTES_MAX: &str = "2097152";

const TOPIC: &str = "the topic";
const LETTERS: &str = "the topic of the dead letters";
const GROUP: &str = "the group";

pub(super) fn has_one_name_for_everyone(objects: &[Object], findings: &mut Findings) {
    let told: Vec<_> = objects
        .iter()
        .flat_map(|object| {
            object
                .containers()
                .map(move |container| (object, container))
        })
        .filter_map(|(object, container)| Some((object, told(objects, object, container)?)))
        .collect();
    let names = Names::of(&told);
    for (object, told) in &told {
        names.told(object, told, findings);
    }
    for object in objects {
        names.declared(object, findings);
    }
}

/// What everyone should say.
struct Names {
    topic: String,
    letters: String,
    group: String,
    /// Not known where no program of these is told.
    brokers: Option<String>,
}

impl Names {
    /// Whoever writes into the log decides, then whoever reads it, and without both the code.
    fn of(told: &[(&Object, Told)]) -> Self {
        let default = told_nothing("consumer");
        let first = |of: fn(&Told) -> Option<&String>| {
            let told = told.iter().map(|(_, told)| told).chain(&default);
            told.filter_map(of).next().cloned()
        };
        let brokers = first(|told| told.brokers.as_ref());
        Self {
            topic: first(|told| told.topic.as_ref()).unwrap_or_default(),
            letters: first(|told| told.dead_letter_topic.as_ref()).unwrap_or_default(),
            group: first(|told| told.group.as_ref()).unwrap_or_default(),
            brokers: brokers.map(|brokers| without_namespace(&brokers)),
        }
    }

    /// What a program makes of its environment.
    fn told(&self, object: &Object, told: &Told, findings: &mut Findings) {
        for (what, found, expected) in [
            (TOPIC, &told.topic, &self.topic),
            (LETTERS, &told.dead_letter_topic, &self.letters),
            (GROUP, &told.group, &self.group),
        ] {
            if let Some(found) = found {
                same(object, what, found.as_str(), expected, findings);
            }
        }
        self.reached(object, &told.brokers.as_deref().into(), findings);
    }

    /// What an object says for others.
    fn declared(&self, object: &Object, findings: &mut Findings) {
        self.reached(object, object.at("/spec/bootstrapServers/0"), findings);
        match object.kind() {
            "KafkaTopic" => self.topic(object, findings),
            "KafkaSource" => {
                let topics = object.list("/spec/topics").count().to_string();
                same(object, "the number of topics", topics, "1", findings);
                same(
                    object,
                    TOPIC,
                    object.at("/spec/topics/0").clone(),
                    &self.topic,
                    findings,
                );
                same(
                    object,
                    GROUP,
                    object.at("/spec/consumerGroup").clone(),
                    &self.group,
                    findings,
                );
            }
            "KafkaSink" => same(
                object,
                LETTERS,
                object.at("/spec/topic").clone(),
                &self.letters,
                findings,
            ),
            "HorizontalPodAutoscaler" => self.autoscaler(object, findings),
            "ScaledObject" => self.scaled(object, findings),
            _ => {}
        }
    }

    fn topic(&self, topic: &Object, findings: &mut Findings) {
        let name = topic.text("/spec/topicName").unwrap_or(topic.name());
        let (what, expected, bytes_max) = if name == self.letters {
            (LETTERS, &self.letters, LETTER_BYTES_MAX)
        } else {
            (TOPIC, &self.topic, RECORD_BYTES_MAX)
        };
        same(topic, what, name, expected, findings);
        for (setting, expected) in [("retention.ms", "-1"), ("max.message.bytes", bytes_max)] {
            // A number, or one in quotes.
            let found = topic.at("/spec/config")[setting].to_string();
            same(topic, setting, found.trim_matches('"'), expected, findings);
        }
    }

    fn autoscaler(&self, scaler: &Object, findings: &mut Findings) {
        let (lags, others): (Vec<_>, Vec<_>) = scaler
            .list("/spec/metrics")
            .partition(|metric| metric["type"] == "External");
        // Who waits for a slow store uses no processor, and more of them would not make it faster.
        let others = others.len().min(lags.len()).to_string();
        same(
            scaler,
            "the number of metrics beside the lag",
            others,
            "0",
            findings,
        );
        for lag in lags {
            let metric = &lag["external"]["metric"];
            let labels = &metric["selector"]["matchLabels"];
            same(
                scaler,
                "the metric of the lag",
                metric["name"].clone(),
                LAG,
                findings,
            );
            same(
                scaler,
                TOPIC,
                labels["topic"].clone(),
                &self.topic,
                findings,
            );
            same(
                scaler,
                GROUP,
                labels["consumergroup"].clone(),
                &self.group,
                findings,
            );
        }
    }

    fn scaled(&self, scaler: &Object, findings: &mut Findings) {
        let triggers = scaler.list("/spec/triggers");
        for trigger in triggers.filter(|trigger| trigger["type"] == "kafka") {
            let trigger = &trigger["metadata"];
            self.reached(scaler, &trigger["bootstrapServers"], findings);
            for (field, what, expected) in [
                ("topic", TOPIC, self.topic.as_str()),
                ("consumerGroup", GROUP, &self.group),
                // With others the last purchases would wait at zero pods, or the first ones would not count.
                ("offsetResetPolicy", "offsetResetPolicy", "earliest"),
                ("activationLagThreshold", "activationLagThreshold", "0"),
            ] {
                same(scaler, what, trigger[field].clone(), expected, findings);
            }
        }
    }

    fn reached(&self, object: &Object, found: &Value, findings: &mut Findings) {
        if let (Some(expected), Some(found)) = (&self.brokers, found.as_str()) {
            let problem = format!("the brokers are {found}, and {expected} elsewhere");
            findings.expect(without_namespace(found) == *expected, object, problem);
        }
    }
}

fn same<T>(object: &Object, what: &str, found: T, expected: &str, findings: &mut Findings)
where
    Value: From<T>,
{
    let found = Value::from(found);
    let problem = format!("{what} is {found}, and it is \"{expected}\" elsewhere");
    findings.expect(found == expected, object, problem);
}

/// `kafka:9092` of `kafka.user-buy-list.svc:9092`: who is in another namespace has to say which.
fn without_namespace(address: &str) -> String {
    let (host, port) = address.split_once(':').unwrap_or((address, ""));
    let name = host.split('.').next().unwrap_or_default();
    format!("{name}:{port}")
}
