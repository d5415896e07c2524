//! Addresses lead to somebody: from variables and sinks to Services, and from Services to ports of pods.

use serde_json::Value;

use super::Findings;
use super::environment::Environment;
use super::programs::program_of;
use crate::Object;
use crate::object::elements;

pub(super) fn lead_to_ports(objects: &[Object], findings: &mut Findings) {
    for object in objects {
        if object.is_service() {
            behind(object, objects, findings);
        }
        for container in object
            .containers()
            .filter(|container| program_of(container).is_some())
        {
            upstreams(object, container, objects, findings);
        }
        if object.kind() == "KafkaSource" {
            sinks(object, objects, findings);
        }
    }
}

/// Its pods, and the ports of them that it leads to.
fn behind(service: &Object, objects: &[Object], findings: &mut Findings) {
    if !service.at("/spec/selector").is_object() {
        return;
    }
    let Some(pods) = pods_behind(service, objects) else {
        findings.add(service, "selects no pods");
        return;
    };
    for port in service.list("/spec/ports") {
        let target = target_of(port);
        let mut listed = pods
            .containers()
            .flat_map(|container| elements(&container["ports"]));
        let is_there =
            listed.any(|listed| listed["name"] == *target || listed["containerPort"] == *target);
        findings.expect(
            is_there,
            service,
            format!("leads to port {target}, which {pods} does not have"),
        );
    }
}

/// What makes the pods that a Service selects.
pub(super) fn pods_behind<'a>(service: &Object, objects: &'a [Object]) -> Option<&'a Object> {
    let selector = service.at("/spec/selector").as_object()?;
    let mut selected = objects.iter().filter(|object| {
        let labels = object.at("/spec/template/metadata/labels");
        selector.iter().all(|(name, value)| labels[name] == *value)
    });
    selected.next()
}

/// The port of the pods that a port of a Service leads to.
pub(super) fn target_of(port: &Value) -> &Value {
    match &port["targetPort"] {
        Value::Null => &port["port"],
        target => target,
    }
}

fn upstreams(object: &Object, container: &Value, objects: &[Object], findings: &mut Findings) {
    let env = Environment::of(objects, object, container, &mut Findings::default());
    let is_address = |name: &str| name.ends_with("_URL") || name == "API_BASE";
    for (name, url) in env.all.iter().filter(|(name, _)| is_address(name)) {
        if let Some(problem) = dead_end(url, objects) {
            findings.add(object, format!("{name} is {url}, and {problem}"));
        }
    }
}

/// Why nobody answers there, as far as the objects tell.
fn dead_end(url: &str, objects: &[Object]) -> Option<String> {
    let authority = url.strip_prefix("http://")?.split('/').next()?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let name = host.split('.').next()?;
    let service = objects
        .iter()
        .find(|object| object.kind() == "Service" && object.name() == name);
    match service {
        None => Some(format!("there is no Service {name}")),
        // Its gateway routes by the whole name.
        Some(service) if service.is_knative_service() => (port != "80" || !host.contains(".svc"))
            .then(|| {
                format!(
                    "a Service of Knative is reached at http://{name}.NAMESPACE.svc.cluster.local"
                )
            }),
        Some(service) => {
            let number = port.parse::<u64>().unwrap_or_default();
            let is_open = service
                .list("/spec/ports")
                .any(|open| open["port"] == number);
            (!is_open).then(|| format!("{service} has no port {port}"))
        }
    }
}

fn sinks(source: &Object, objects: &[Object], findings: &mut Findings) {
    for sink in ["sink", "delivery/deadLetterSink"] {
        let part = |member: &str| source.text(&format!("/spec/{sink}/ref/{member}"));
        // An address, or something of another namespace: it is not among these objects.
        let is_elsewhere = part("namespace")
            .is_some_and(|namespace| source.text("/metadata/namespace") != Some(namespace));
        let (Some(kind), Some(name), false) = (part("kind"), part("name"), is_elsewhere) else {
            continue;
        };
        let is_there = objects
            .iter()
            .any(|object| object.kind() == kind && object.name() == name);
        findings.expect(
            is_there,
            source,
            format!("{sink} is {kind}/{name}, which is not there"),
        );
    }
}
