//! Pods that an attacker gets nothing from, and probes that ask nobody else.

use serde_json::Value;

use super::Findings;
use crate::Object;
use crate::object::elements;

pub(super) fn are_restricted_and_ask_nobody(objects: &[Object], findings: &mut Findings) {
    for object in objects {
        let Some(pod) = object.pod() else { continue };
        for container in object.containers() {
            restricted(object, pod, container, findings);
            probed(object, container, findings);
        }
    }
}

/// As the Pod Security Standard `restricted` wants it; Knative takes it at the container only.
fn restricted(object: &Object, pod: &Value, container: &Value, findings: &mut Findings) {
    let name = container["name"].as_str().unwrap_or_default();
    let own = &container["securityContext"];
    let set = |field: &str| match &own[field] {
        Value::Null => &pod["securityContext"][field],
        own => own,
    };
    let seccomp = set("seccompProfile")["type"].as_str();
    let mut volumes = elements(&pod["volumes"]);
    for (holds, problem) in [
        (
            *set("runAsUser") != 0,
            "runs as root: set another runAsUser",
        ),
        (
            elements(&own["capabilities"]["add"]).count() == 0,
            "gets capabilities: add none",
        ),
        (
            ["hostNetwork", "hostPID", "hostIPC"]
                .iter()
                .all(|host| pod[host] != true),
            "is in a namespace of its node: take hostNetwork, hostPID and hostIPC away",
        ),
        (
            volumes.all(|volume| volume["hostPath"].is_null()),
            "sees files of its node: take the hostPath away",
        ),
        (own["privileged"] != true, "is privileged"),
        (
            own["allowPrivilegeEscalation"] == false,
            "may become more than it is: set allowPrivilegeEscalation: false",
        ),
        (
            *set("runAsNonRoot") == true,
            "may run as root: set runAsNonRoot: true",
        ),
        (
            elements(&own["capabilities"]["drop"]).any(|drop| drop == "ALL"),
            "keeps capabilities: drop ALL",
        ),
        (
            own["readOnlyRootFilesystem"] == true,
            "may write to its image: set readOnlyRootFilesystem: true",
        ),
        (
            matches!(seccomp, Some("RuntimeDefault" | "Localhost")),
            "may use every system call: set seccompProfile.type: RuntimeDefault",
        ),
        (
            !container["resources"]["limits"]["memory"].is_null(),
            "has no limit of memory, and could take that of its neighbours",
        ),
    ] {
        findings.expect(holds, object, format!("container {name} {problem}"));
    }
}

fn probed(object: &Object, container: &Value, findings: &mut Findings) {
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        findings.expect(
            container[probe]["httpGet"]["path"] != "/ready",
            object,
            format!(
                "{probe} asks /ready, which asks brokers and stores: an outage of theirs would take every pod away; ask \
                 /health/readiness or /health/liveness"
            ),
        );
    }
}
