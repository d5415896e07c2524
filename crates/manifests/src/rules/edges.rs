//! Who asks whom, and that NetworkPolicies let them.

use serde_json::Value;

use super::Findings;
use super::environment::Environment;
use super::programs::{connections, program_of};
use super::services::{pods_behind, target_of};
use crate::Object;
use crate::object::elements;

pub(super) fn are_let_through(objects: &[Object], findings: &mut Findings) {
    for object in objects {
        for container in object.containers() {
            let Some(program) = program_of(container) else {
                continue;
            };
            let env = Environment::of(objects, object, container, &mut Findings::default());
            for name in connections(program) {
                let value = env.all.get(*name).map_or("", String::as_str);
                for (host, port) in addresses(name, value) {
                    if let Some(problem) = barred(object, host, port, objects) {
                        findings.add(object, format!("asks {host} ({name}), and {problem}"));
                    }
                }
            }
        }
    }
}

/// The hosts and ports that a variable leads to.
fn addresses<'a>(name: &str, value: &'a str) -> Vec<(&'a str, u64)> {
    let (list, default) = match name {
        "KAFKA_BROKER" => (value, 9092),
        "MONGODB_URI" => {
            let rest = value.trim_start_matches("mongodb://");
            let rest = rest.split('/').next().unwrap_or_default();
            (rest.rsplit('@').next().unwrap_or_default(), 27017)
        }
        _ => {
            let rest = value.trim_start_matches("http://");
            (rest.split('/').next().unwrap_or_default(), 80)
        }
    };
    let address = |address: &'a str| {
        let (host, port) = address.split_once(':').unwrap_or((address, ""));
        let host = host.split('.').next().unwrap_or_default();
        (host, port.parse().unwrap_or(default))
    };
    list.split(',').map(address).collect()
}

/// The policy that keeps one's pods from those behind a Service; nothing where there is no such Service, which is another rule's matter.
fn barred(from: &Object, host: &str, port: u64, objects: &[Object]) -> Option<String> {
    let mut services = objects.iter().filter(|object| object.is_service());
    let service = services.find(|service| service.name() == host)?;
    let to = pods_behind(service, objects)?;
    let open = service.list("/spec/ports").find(|it| it["port"] == port)?;
    let number = number_of(to, target_of(open))?;
    [
        ("Egress", "/spec/egress", "to", from, to),
        ("Ingress", "/spec/ingress", "from", to, from),
    ]
    .into_iter()
    .find_map(|(kind, rules, peers, own, other)| {
        let policies: Vec<_> = objects
            .iter()
            .filter(|policy| binds(policy, kind, own))
            .collect();
        let is_open = policies.is_empty()
            || policies.iter().any(|policy| {
                let mut rules = policy.list(rules);
                rules.any(|rule| lets(rule, peers, labels(other), to, &number))
            });
        (!is_open).then(|| {
            format!("no NetworkPolicy lets {own} have {kind} {peers} {other} at port {number}")
        })
    })
}

fn labels(object: &Object) -> &Value {
    object.at("/spec/template/metadata/labels")
}

/// A port of a pod, which may have a name.
fn number_of(pods: &Object, port: &Value) -> Option<Value> {
    if port.is_number() {
        return Some(port.clone());
    }
    let mut ports = pods
        .containers()
        .flat_map(|container| elements(&container["ports"]));
    Some(ports.find(|it| it["name"] == *port)?["containerPort"].clone())
}

/// By default a policy is about what comes in, and about what goes out if it has rules for that.
fn binds(policy: &Object, kind: &str, pods: &Object) -> bool {
    let is_about = match policy.at("/spec/policyTypes").as_array() {
        Some(types) => types.iter().any(|it| it == kind),
        None => kind == "Ingress" || !policy.at("/spec/egress").is_null(),
    };
    policy.kind() == "NetworkPolicy"
        && is_about
        && selects(policy.at("/spec/podSelector"), labels(pods))
}

/// Of the same namespace.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    let has_labels = wanted
        .into_iter()
        .flatten()
        .all(|(name, value)| labels[name] == *value);
    has_labels
        && elements(&selector["matchExpressions"]).all(|expression| {
            let label = &labels[expression["key"].as_str().unwrap_or_default()];
            let is_one = elements(&expression["values"]).any(|value| value == label);
            match expression["operator"].as_str() {
                Some("In") => is_one,
                Some("NotIn") => !is_one,
                Some("Exists") => !label.is_null(),
                _ => label.is_null(),
            }
        })
}

fn lets(rule: &Value, peers: &str, labels: &Value, pods: &Object, port: &Value) -> bool {
    let is_peer = |peer: &Value| {
        peer["namespaceSelector"].is_null()
            && peer["ipBlock"].is_null()
            && selects(&peer["podSelector"], labels)
    };
    let is_port = |open: &Value| {
        if open["port"].is_null() {
            return true;
        }
        let Some(first) = number_of(pods, &open["port"]) else {
            return false;
        };
        let last = open["endPort"].as_u64().or(first.as_u64());
        (first.as_u64()..=last).contains(&port.as_u64())
    };
    (rule[peers].is_null() || elements(&rule[peers]).any(is_peer))
        && (rule["ports"].is_null() || elements(&rule["ports"]).any(is_port))
}
