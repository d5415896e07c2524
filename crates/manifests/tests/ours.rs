//! Our own manifests: nothing is wrong with them, and each of many mistakes would be found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod build;

use build::build;
use manifests::{Finding, Object, check};
use serde_json::{Value, json};

/// Everything that somebody may apply.
const BUILDS: [&str; 7] = [
    "kafka",
    "knative/base",
    "knative/overlays/keda",
    "knative/overlays/secured",
    "k8s",
    "k8s/overlays/hpa",
    "k8s/overlays/keda",
];

fn shown(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn nothing_is_wrong_with_any_of_them() {
    for folder in BUILDS {
        let findings = check(&build(folder));
        assert!(findings.is_empty(), "{folder}:\n{}", shown(&findings));
    }
}

/// In which build, in whom, where, what it becomes (nothing: it is left out), and what is said then.
type Mistake = (
    &'static str,
    &'static str,
    &'static str,
    Option<Value>,
    &'static str,
);

#[test]
fn each_mistake_is_found() {
    const SOURCE: &str = "KafkaSource/kafka-source";
    const CONTAINER: &str = "/spec/template/spec/containers/0";
    let at = |rest: &str| -> &'static str { format!("{CONTAINER}/{rest}").leak() };
    let mistakes: [Mistake; 27] = [
        (
            "k8s",
            "Deployment/customer-facing",
            at("ports/0/containerPort"),
            Some(json!(3009)),
            "no containerPort 3000",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/consumerGroup",
            Some(json!("purchases-group")),
            "the group is",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/delivery/deadLetterSink",
            None,
            "deadLetterSink is missing",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/initialOffset",
            Some(json!("latest")),
            "initialOffset",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/delivery/retry",
            None,
            "delivery.retry is missing",
        ),
        // 0.1 s × (1 + … + 109) are ten minutes.
        (
            "knative/base",
            SOURCE,
            "/spec/delivery/retry",
            Some(json!(109)),
            "an event is tried for 599 s",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/delivery/backoffDelay",
            Some(json!("PT0.05S")),
            "an event is tried for 0 s",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/delivery/backoffPolicy",
            Some(json!("exponential")),
            "may wait for",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/ordering",
            Some(json!("ordered")),
            "ordering",
        ),
        (
            "k8s",
            "Deployment/query",
            at("readinessProbe/httpGet/path"),
            Some(json!("/ready")),
            "which asks brokers and stores",
        ),
        (
            "knative/base",
            "Service/storer",
            at("securityContext/privileged"),
            Some(json!(true)),
            "is privileged",
        ),
        (
            "k8s",
            "Deployment/query",
            at("securityContext/capabilities"),
            None,
            "drop ALL",
        ),
        (
            "k8s/overlays/hpa",
            "HorizontalPodAutoscaler/customer-management",
            "/spec/metrics/0/external/metric/name",
            Some(json!("kafka_lag")),
            "the metric of the lag",
        ),
        (
            "k8s/overlays/keda",
            "ScaledObject/customer-management",
            "/spec/triggers/0/metadata/activationLagThreshold",
            Some(json!("10")),
            "activationLagThreshold",
        ),
        (
            "k8s",
            "Service/query",
            "/spec/ports/0/targetPort",
            Some(json!(3000)),
            "leads to port",
        ),
        (
            "k8s",
            "Deployment/user-buy-frontend",
            "/spec/template/metadata/labels/app",
            Some(json!("page")),
            "no NetworkPolicy lets",
        ),
        (
            "k8s",
            "Deployment/query",
            "/spec/template/metadata/labels/app",
            Some(json!("lists")),
            "no NetworkPolicy lets",
        ),
        (
            "knative/base",
            "Service/frontend",
            at("env/0/value"),
            Some(json!("http://buy")),
            "is reached at",
        ),
        (
            "knative/base",
            "Service/buy",
            at("env/0/name"),
            Some(json!("KAFKA_BROKERS")),
            "reads no such variable",
        ),
        (
            "knative/base",
            "Service/storer",
            "/metadata/labels/networking.knative.dev~1visibility",
            None,
            "is public",
        ),
        (
            "knative/base",
            "Service/storer",
            at("env/0"),
            Some(json!({"name": "RUST_LOG", "value": "info"})),
            "does not set MONGODB_URI",
        ),
        (
            "knative/base",
            SOURCE,
            "/spec/bootstrapServers/0",
            Some(json!("kafka.user-buy-list.svc:9029")),
            "the brokers are",
        ),
        (
            "kafka",
            "KafkaTopic/purchases",
            "/spec/config/retention.ms",
            Some(json!(604_800_000)),
            "retention.ms",
        ),
        (
            "kafka",
            "KafkaTopic/purchases",
            "/spec/topicName",
            Some(json!("purchase")),
            "the topic is",
        ),
        (
            "k8s",
            "Deployment/query",
            at("securityContext/runAsUser"),
            Some(json!(0)),
            "runs as root",
        ),
        (
            "k8s/overlays/hpa",
            "HorizontalPodAutoscaler/customer-management",
            "/spec/metrics",
            Some(json!([
                {"type": "External", "external": {"metric": {"name": "kafka_consumer_group_lag", "selector": {"matchLabels": {
                    "topic": "purchases", "consumergroup": "purchase-group",
                }}}}},
                {"type": "Resource", "resource": {"name": "cpu"}},
            ])),
            "beside the lag",
        ),
        (
            "k8s/overlays/hpa",
            "Deployment/customer-facing",
            "/spec/replicas",
            Some(json!(3)),
            "sets replicas",
        ),
    ];
    for mistake in mistakes {
        let mut objects = build(mistake.0);
        make(&mistake, &mut objects);
        let findings = check(&objects);
        let (_, object, pointer, _, said) = mistake;
        let is_found = findings
            .iter()
            .any(|finding| finding.object == object && finding.problem.contains(said));
        assert!(is_found, "{object} {pointer}:\n{}", shown(&findings));
    }
}

fn make((folder, object, pointer, value, _): &Mistake, objects: &mut [Object]) {
    let mut named = objects.iter_mut().filter(|one| one.to_string() == *object);
    let found = named
        .next()
        .unwrap_or_else(|| panic!("no {object} in {folder}"));
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let last = &last.replace("~1", "/");
    let parent = found
        .0
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("no {pointer} in {object}"));
    match (value, parent) {
        (None, parent) => assert!(
            parent.as_object_mut().unwrap().remove(last).is_some(),
            "no {pointer}"
        ),
        (Some(value), Value::Array(list)) => list[last.parse::<usize>().unwrap()] = value.clone(),
        (Some(value), parent) => parent[last] = value.clone(),
    }
}

#[test]
fn two_scalers_on_one_target_are_found() {
    let mut objects = build("k8s/overlays/hpa");
    let keda = build("k8s/overlays/keda").into_iter();
    objects.extend(keda.filter(|object| object.kind() == "ScaledObject"));
    let findings = check(&objects);
    assert!(
        shown(&findings).contains("they would fight"),
        "{}",
        shown(&findings)
    );
}

/// Who asks is told, whichever side keeps it out.
#[test]
fn a_policy_that_lets_nobody_in_or_out_is_found() {
    let peer = "/spec/ingress/0/from/0/podSelector/matchLabels/app";
    let port = "/spec/ingress/0/ports/0/port";
    for (policy, pointer, value, asks) in [
        ("query", peer, json!("page"), "user-buy-frontend asks query"),
        (
            "mongodb",
            "/spec/ingress/0/from/1/podSelector/matchLabels/app",
            json!("consumer"),
            "customer-management asks mongodb",
        ),
        ("kafka", port, json!(9093), "customer-facing asks kafka"),
        (
            "user-buy-frontend",
            "/spec/egress/0/ports/0/port",
            json!(80),
            "user-buy-frontend asks customer-facing",
        ),
    ] {
        let mut objects = build("k8s");
        let object = format!("NetworkPolicy/{policy}").leak();
        make(&("k8s", object, pointer, Some(value), ""), &mut objects);
        let findings = shown(&check(&objects)).replace(": asks", " asks");
        assert!(
            findings.contains(asks) && findings.contains("no NetworkPolicy lets"),
            "{policy}: {findings}"
        );
    }
}

/// What forks may write in other words.
#[test]
fn a_policy_may_be_written_in_other_words() {
    let mut objects = build("k8s");
    for (policy, pointer, value) in [
        ("query", "/spec/ingress/0/ports/0/port", json!("http")),
        (
            "mongodb",
            "/spec/ingress/0/ports/0",
            json!({"port": 27000, "endPort": 27100}),
        ),
        (
            "kafka",
            "/spec/ingress/0/from/0/podSelector",
            json!({"matchExpressions": [
                {"key": "app", "operator": "In", "values": ["customer-facing", "another"]},
                {"key": "legacy", "operator": "DoesNotExist"},
            ]}),
        ),
    ] {
        let object = format!("NetworkPolicy/{policy}").leak();
        make(&("k8s", object, pointer, Some(value), ""), &mut objects);
    }
    let findings = check(&objects);
    assert!(findings.is_empty(), "{}", shown(&findings));
}

/// More readers than partitions have nothing to do, and fewer would leave work undone that others could do.
#[test]
fn as_many_pods_read_as_there_are_partitions() {
    let texts = |folder: &str, pointer: &str| -> Vec<String> {
        let objects = build(folder).into_iter();
        let found = objects.filter_map(|object| {
            let value = object.0.pointer(pointer)?;
            Some(
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned),
            )
        });
        found.collect()
    };
    let partitions = build("kafka")
        .into_iter()
        .find(|object| object.to_string() == "KafkaTopic/purchases");
    assert_eq!(partitions.unwrap().at("/spec/partitions"), 12);
    assert_eq!(texts("k8s/overlays/keda", "/spec/maxReplicaCount"), ["12"]);
    let source = "/metadata/annotations/autoscaling.eventing.knative.dev~1max-scale";
    assert_eq!(texts("knative/overlays/keda", source), ["12"]);
    let scalers = build("k8s/overlays/hpa").into_iter();
    let mut scalers = scalers.filter(|object| object.kind() == "HorizontalPodAutoscaler");
    let of_consumer = scalers
        .find(|object| object.name() == "customer-management")
        .unwrap();
    assert_eq!(of_consumer.at("/spec/maxReplicas"), 12);
    let script = include_str!("../../../k8s/base/kafka.yaml");
    assert!(script.contains("topic \"$PURCHASE_TOPIC\" 12 "));
    assert!(include_str!("../../../kafka/asyncapi.yaml").contains("partitions: 12\n"));
}

#[test]
fn the_adapter_makes_the_metric_that_scales() {
    let values = include_str!("../../../k8s/prometheus-adapter.yaml");
    for part in [
        "as: kafka_consumer_group_lag",
        "topic=\"purchases\"",
        "consumergroup=\"purchase-group\"",
    ] {
        assert!(values.contains(part), "{part}");
    }
}
