//! Our programs understand what manifests tell them: each pod's environment is read as the program reads it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serve::{Env, EnvProblems, HttpConfig};

use super::Findings;
use super::environment::Environment;
use crate::Object;
use crate::object::elements;

/// Those that have an image and a pod.
const PROGRAMS: [&str; 5] = ["buy", "consumer", "frontend", "query", "storer"];
/// What is read before the configuration.
const READ_BY_ALL: &str = "RUST_LOG";
/// Knative refuses them: it sets them itself.
const OF_KNATIVE: [&str; 4] = ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"];
const HEALTH: [&str; 3] = ["/health", "/health/liveness", "/health/readiness"];
/// From the stop signal on, beside the drain delay: connections in flight, and a flush.
const DRAIN_S: u64 = 25;

/// What a program makes of its environment.
#[derive(Debug)]
pub(super) struct Told {
    /// What the environment says of the brokers.
    pub(super) brokers: Option<String>,
    pub(super) http: HttpConfig,
    pub(super) topic: Option<String>,
    pub(super) dead_letter_topic: Option<String>,
    pub(super) group: Option<String>,
}

pub(super) fn read_what_is_set(objects: &[Object], findings: &mut Findings) {
    let mut read_by_any = BTreeSet::from([READ_BY_ALL.to_owned()]);
    for object in objects {
        for container in object.containers() {
            let Some(program) = program_of(container) else {
                continue;
            };
            let env = Environment::of(objects, object, container, findings);
            for name in connections(program) {
                findings.expect(
                    env.all.contains_key(*name),
                    object,
                    format!("does not set {name}: {program} would look for it in its own pod"),
                );
            }
            let is_inner = ["consumer", "query", "storer"].contains(&program);
            let visibility = object.at("/metadata/labels/networking.knative.dev~1visibility");
            findings.expect(
                !object.is_knative_service() || !is_inner || visibility == "cluster-local",
                object,
                "is public: what it answers is for the other functions; set networking.knative.dev/visibility: cluster-local",
            );
            let asked = RefCell::default();
            match tell(program, &env.all, &asked) {
                Err(problems) => {
                    findings.add(object, format!("{program} does not start: {problems}"));
                }
                Ok(told) => {
                    ports(object, container, program, &told.http, findings);
                    grace(object, &told.http, findings);
                }
            }
            let asked = asked.into_inner();
            for name in &env.own {
                let is_read = asked.contains(name) || name == READ_BY_ALL;
                findings.expect(
                    is_read,
                    object,
                    format!("sets {name}, and {program} reads no such variable"),
                );
                let is_free = !object.is_knative_service() || !OF_KNATIVE.contains(&name.as_str());
                findings.expect(
                    is_free,
                    object,
                    format!("sets {name}, and Knative refuses that: it sets it itself"),
                );
            }
            read_by_any.extend(asked);
        }
    }
    for map in objects
        .iter()
        .filter(|object| is_of_programs(object, objects))
    {
        for (name, _) in map.at("/data").as_object().into_iter().flatten() {
            let is_read = read_by_any.contains(name);
            findings.expect(
                is_read,
                map,
                format!("has {name}, and none of the programs reads such a variable"),
            );
        }
    }
}

/// Where it finds others, which by default are on the same machine.
pub(super) fn connections(program: &str) -> &'static [&'static str] {
    match program {
        "buy" => &["KAFKA_BROKER", "CUSTOMER_MANAGEMENT_URL"],
        "consumer" => &["KAFKA_BROKER", "MONGODB_URI"],
        "frontend" => &["BUY_URL", "QUERY_URL"],
        _ => &["MONGODB_URI"],
    }
}

/// The program that a container runs, by the last part of its image's name.
pub(super) fn program_of(container: &Value) -> Option<&'static str> {
    let image = container["image"].as_str()?;
    let name = image.rsplit('/').next()?.split([':', '@']).next()?;
    PROGRAMS.into_iter().find(|program| *program == name)
}

/// What a container of ours is told; nothing if it would not start.
pub(super) fn told(objects: &[Object], object: &Object, container: &Value) -> Option<Told> {
    let env = Environment::of(objects, object, container, &mut Findings::default());
    tell(program_of(container)?, &env.all, &RefCell::default()).ok()
}

/// The port of a program that is told nothing, and the variables that it asks for; nothing if it is none of ours.
#[must_use]
pub fn defaults(program: &str) -> Option<(u16, BTreeSet<String>)> {
    let asked = RefCell::default();
    let program = PROGRAMS.into_iter().find(|one| *one == program)?;
    let told = tell(program, &BTreeMap::new(), &asked).ok()?;
    let mut asked = asked.into_inner();
    asked.insert(READ_BY_ALL.to_owned());
    Some((told.http.port, asked))
}

/// What a program does without any variable.
pub(super) fn told_nothing(program: &'static str) -> Option<Told> {
    tell(program, &BTreeMap::new(), &RefCell::default()).ok()
}

fn tell(
    program: &str,
    all: &BTreeMap<String, String>,
    asked: &RefCell<BTreeSet<String>>,
) -> Result<Told, EnvProblems> {
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        all.get(name).cloned()
    };
    let mut env = Env::new(&lookup);
    let of_http = |http| Told {
        brokers: None,
        http,
        topic: None,
        dead_letter_topic: None,
        group: None,
    };
    let told = match program {
        "buy" => {
            let config = buy::config::Config::read(&mut env);
            Told {
                brokers: all.get("KAFKA_BROKER").cloned(),
                topic: Some(config.topic),
                ..of_http(config.http)
            }
        }
        "consumer" => {
            let config = consumer::config::Config::read(&mut env);
            Told {
                brokers: all.get("KAFKA_BROKER").cloned(),
                topic: Some(config.topic),
                dead_letter_topic: Some(config.dead_letter_topic),
                group: Some(config.group),
                ..of_http(config.http)
            }
        }
        "storer" => of_http(storer::config::Config::read(&mut env).http),
        "query" => of_http(query::config::Config::read(&mut env).http),
        _ => of_http(frontend::config::Config::read(&mut env).http),
    };
    env.finish(told)
}

fn is_of_programs(map: &Object, objects: &[Object]) -> bool {
    let mut containers = objects.iter().flat_map(Object::containers);
    map.kind() == "ConfigMap"
        && containers.any(|container| {
            let mut sources = elements(&container["envFrom"]);
            program_of(container).is_some()
                && sources.any(|from| from["configMapRef"]["name"] == map.name())
        })
}

fn ports(
    object: &Object,
    container: &Value,
    program: &str,
    http: &HttpConfig,
    findings: &mut Findings,
) {
    let listed = || elements(&container["ports"]);
    let has = |port: u16| listed().any(|listed| listed["containerPort"] == port);
    let port = http.port;
    findings.expect(
        has(port),
        object,
        format!("has no containerPort {port}, on which {program} listens"),
    );
    // Knative takes one port only.
    if let Some(metrics) = http.metrics_port.filter(|_| !object.is_knative_service()) {
        findings.expect(
            has(metrics),
            object,
            format!("has no containerPort {metrics}, which METRICS_PORT names"),
        );
    }
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let get = &container[probe]["httpGet"];
        if get.is_null() {
            // The others tell enough of a program that starts at once.
            findings.expect(
                probe == "startupProbe",
                object,
                format!("has no {probe} by HTTP"),
            );
            continue;
        }
        let path = get["path"].as_str().unwrap_or_default();
        findings.expect(
            HEALTH.contains(&path),
            object,
            format!("{probe} asks {path}, and {program} answers probes at {HEALTH:?}"),
        );
        let named = listed().find(|listed| !get["port"].is_null() && listed["name"] == get["port"]);
        let asked = named.map_or(&get["port"], |named| &named["containerPort"]);
        let is_left_to_knative = asked.is_null() && object.is_knative_service();
        findings.expect(
            *asked == port || is_left_to_knative,
            object,
            format!("{probe} asks port {asked}, and {program} listens on {port}"),
        );
    }
}

/// A pod is given the time that it needs to end, and stays until nobody sends it requests any more.
fn grace(object: &Object, http: &HttpConfig, findings: &mut Findings) {
    // Knative's proxy drains before the signal, and its time is that of the longest request.
    if object.is_knative_service() {
        return;
    }
    let delay = http.drain_delay.as_secs();
    findings.expect(
        delay >= 2,
        object,
        "sets no DRAIN_DELAY_MS: a pod that ends gets requests until every node knows, and would refuse them",
    );
    let grace = object
        .pod()
        .and_then(|pod| pod["terminationGracePeriodSeconds"].as_u64());
    let least = delay + DRAIN_S;
    findings.expect(
        grace.unwrap_or(30) >= least,
        object,
        format!("may be killed before it has drained: terminationGracePeriodSeconds must be at least {least}"),
    );
}
