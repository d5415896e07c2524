//! The environment of a container, as the program in it sees it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Findings;
use crate::Object;
use crate::object::elements;

/// Variables by name.
pub(super) struct Environment {
    pub(super) all: BTreeMap<String, String>,
    /// Those that are set for this container alone.
    pub(super) own: Vec<String>,
}

impl Environment {
    pub(super) fn of(
        objects: &[Object],
        object: &Object,
        container: &Value,
        findings: &mut Findings,
    ) -> Self {
        let mut environment = Self {
            all: BTreeMap::new(),
            own: Vec::new(),
        };
        for from in elements(&container["envFrom"]) {
            let Some(name) = from["configMapRef"]["name"].as_str() else {
                continue;
            };
            let Some(map) = map(objects, name) else {
                findings.add(
                    object,
                    format!("takes its environment from ConfigMap/{name}, which is not there"),
                );
                continue;
            };
            for (name, value) in map.at("/data").as_object().into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                environment.all.insert(name.clone(), value.to_owned());
            }
        }
        for variable in elements(&container["env"]) {
            let name = variable["name"].as_str().unwrap_or_default();
            let value = value(objects, object, variable, findings);
            if name.ends_with("_FILE") {
                // What is in it is a secret of the cluster.
                let mut mounts = elements(&container["volumeMounts"])
                    .filter_map(|mount| mount["mountPath"].as_str());
                let is_mounted = mounts.any(|mount| Path::new(&value).starts_with(mount));
                findings.expect(
                    is_mounted,
                    object,
                    format!("{name} is {value}, and nothing is mounted there"),
                );
            } else {
                environment.all.insert(name.to_owned(), value);
            }
            environment.own.push(name.to_owned());
        }
        environment
    }
}

fn map<'a>(objects: &'a [Object], name: &str) -> Option<&'a Object> {
    let mut maps = objects.iter().filter(|object| object.kind() == "ConfigMap");
    maps.find(|map| map.name() == name)
}

fn value(objects: &[Object], object: &Object, variable: &Value, findings: &mut Findings) -> String {
    let name = variable["name"].as_str().unwrap_or_default();
    if let Some(value) = variable["value"].as_str() {
        return value.to_owned();
    }
    let place = &variable["valueFrom"]["configMapKeyRef"];
    if place.is_null() {
        return secret(name).to_owned();
    }
    let [config, key] = ["name", "key"].map(|member| place[member].as_str().unwrap_or_default());
    let found = map(objects, config).and_then(|map| map.at("/data").get(key)?.as_str());
    if found.is_none() {
        findings.add(
            object,
            format!("takes {name} from ConfigMap/{config}, which has no {key}"),
        );
    }
    found.unwrap_or_default().to_owned()
}

/// A value as it could be in a secret, which is never in the manifests.
fn secret(name: &str) -> &'static str {
    match name {
        "MONGODB_URI" => "mongodb://user:secret@mongodb:27017/purchases?replicaSet=rs0",
        "KAFKA_SASL_MECHANISM" => "SCRAM-SHA-512",
        "KAFKA_SECURITY_PROTOCOL" => "sasl_ssl",
        _ => "secret",
    }
}
