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
    let default = told_nothing("consumer");
    // Whoever writes into the log decides, then whoever reads it, and without both the code.
    let first = |of: fn(&Told) -> Option<&String>| {
        let told = told.iter().map(|(_, told)| told).chain(&default);
        told.filter_map(of).next().cloned().unwrap_or_default()
    };
    let topic = first(|told| told.topic.as_ref());
    let letters = first(|told| told.dead_letter_topic.as_ref());
    let group = first(|told| told.group.as_ref());
    let brokers = told.iter().find_map(|(_, told)| told.brokers.as_deref());
    let brokers = brokers.map(without_namespace);

    let mut same = |object: &Object, what: &str, found: &Value, expected: &str| {
        let problem = format!("{what} is {found}, and it is \"{expected}\" elsewhere");
        findings.expect(*found == expected, object, problem);
    };
    for (object, told) in &told {
        for (what, found, expected) in [
            ("the topic", &told.topic, &topic),
            (
                "the topic of the dead letters",
                &told.dead_letter_topic,
                &letters,
            ),
            ("the group", &told.group, &group),
        ] {
            if let Some(found) = found {
                same(object, what, &found.as_str().into(), expected);
            }
        }
    }
    let mut reached = |object: &Object, found: &Value| {
        if let (Some(expected), Some(found)) = (&brokers, found.as_str()) {
            let problem = format!("the brokers are {found}, and {expected} elsewhere");
            findings.expect(without_namespace(found) == *expected, object, problem);
        }
    };
    for (object, told) in &told {
        reached(object, &told.brokers.as_deref().into());
    }
    for object in objects {
        reached(object, object.at("/spec/bootstrapServers/0"));
        for trigger in object.list("/spec/triggers") {
            reached(object, &trigger["metadata"]["bootstrapServers"]);
        }
    }

    let mut same = |object: &Object, what: &str, found: &Value, expected: &str| {
        let problem = format!("{what} is {found}, and it is \"{expected}\" elsewhere");
        findings.expect(*found == expected, object, problem);
    };
    for object in objects {
        match object.kind() {
            "KafkaTopic" => {
                let name = object.text("/spec/topicName").unwrap_or(object.name());
                let (what, bytes_max) = if name == letters {
                    ("the topic of the dead letters", LETTER_BYTES_MAX)
                } else {
                    ("the topic", RECORD_BYTES_MAX)
                };
                same(
                    object,
                    what,
                    &name.into(),
                    if name == letters { &letters } else { &topic },
                );
                let kept = &object.at("/spec/config/retention.ms").to_string();
                same(object, "retention.ms", &kept.trim_matches('"').into(), "-1");
                let bytes = object.at("/spec/config/max.message.bytes").to_string();
                same(
                    object,
                    "max.message.bytes",
                    &bytes.trim_matches('"').into(),
                    bytes_max,
                );
            }
            "KafkaSource" => {
                let topics = object.list("/spec/topics").count();
                same(
                    object,
                    "the number of topics",
                    &topics.to_string().into(),
                    "1",
                );
                same(object, "the topic", object.at("/spec/topics/0"), &topic);
                same(
                    object,
                    "the group",
                    object.at("/spec/consumerGroup"),
                    &group,
                );
            }
            "KafkaSink" => same(
                object,
                "the topic of the dead letters",
                object.at("/spec/topic"),
                &letters,
            ),
            "HorizontalPodAutoscaler" => {
                let metrics = object.list("/spec/metrics");
                let lags = metrics
                    .filter(|metric| metric["type"] == "External")
                    .count();
                // Who waits for a slow store uses no processor, and more of them would not make it faster.
                let others = object.list("/spec/metrics").count() - lags;
                same(
                    object,
                    "the number of metrics beside the lag",
                    &others.min(lags).to_string().into(),
                    "0",
                );
                let metrics = object.list("/spec/metrics");
                for metric in metrics.filter(|metric| metric["type"] == "External") {
                    let metric = &metric["external"]["metric"];
                    let labels = &metric["selector"]["matchLabels"];
                    same(object, "the metric of the lag", &metric["name"], LAG);
                    same(object, "the topic", &labels["topic"], &topic);
                    same(object, "the group", &labels["consumergroup"], &group);
                }
            }
            "ScaledObject" => {
                let triggers = object.list("/spec/triggers");
                for trigger in triggers.filter(|trigger| trigger["type"] == "kafka") {
                    let trigger = &trigger["metadata"];
                    same(object, "the topic", &trigger["topic"], &topic);
                    same(object, "the group", &trigger["consumerGroup"], &group);
                    // With others the last purchases would wait at zero pods, or the first ones would not count.
                    same(
                        object,
                        "offsetResetPolicy",
                        &trigger["offsetResetPolicy"],
                        "earliest",
                    );
                    same(
                        object,
                        "activationLagThreshold",
                        &trigger["activationLagThreshold"],
                        "0",
                    );
                }
            }
            _ => {}
        }
    }
}

/// `kafka:9092` of `kafka.user-buy-list.svc:9092`: who is in another namespace has to say which.
fn without_namespace(address: &str) -> String {
    let (host, port) = address.split_once(':').unwrap_or((address, ""));
    let name = host.split('.').next().unwrap_or_default();
    format!("{name}:{port}")
}
