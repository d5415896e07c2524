//! The scripts that deploy, with a recorder in place of kn, kubectl and kind: what they call, in which order, and what they refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod cluster;
mod k8s;
mod knative;
mod prove;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use e2e::scratch;
use tempfile::TempDir;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Stands for the tools: writes down how it was called and what it was given, and answers what the test says.
const RECORDER: &str = r#"#!/usr/bin/env bash
tool=$(basename "$0")
if [ "$1" = kustomize ]; then exec bash scripts/manifests.sh build "$2"; fi
call="$tool $*"
named=${call//"$TMPDIR"\/tmp.??????????\//}
echo "${named//"$TMPDIR"\/tmp.??????????/.}" >>"$RECORD/calls"
case "$call" in
    *'get crd'*) exit "${NO_CRD:-0}" ;;
    *'get apiservice'*) exit "${NO_METRICS:-0}" ;;
    *'get scaledobject'*) exit "${NO_SCALED_OBJECT:-0}" ;;
    *'get kafkasource'*) printf %s "${SOURCES:-}" ;;
    *'get configmap config-kafka-features'*) printf %s "${KEDA_FLAG:-}" ;;
    *'get deployment customer-management'*) printf %s "${PODS:-}" ;;
    *'get secret'*) exit "${NO_SECRET:-0}" ;;
    *'get ksvc frontend'*) printf %s "$PAGE" ;;
    *' --config -'*) cat >>"$RECORD/given" ;;
    'podman save'*) touch "${@: -2:1}" ;;
    *'create '*'/dev/stdin'*) cat >>"$RECORD/given" ;;
    *'port-forward '*) echo "Forwarding from ${PAGE#http://} -> 8080"; exec sleep 60 ;;
    *'--filename -') cat >>"$RECORD/given" ;;
    *'--filename '*) find "${@: -1}" -name '*.yaml' -exec cat {} + >>"$RECORD/given"; echo "${APPLIED:-}" ;;
esac
"#;

struct Recorded {
    succeeded: bool,
    calls: Vec<String>,
    given: String,
    said: String,
}

/// Runs `scripts/NAME.sh`.
fn deploy(name: &str, options: &[&str], env: &[(&str, &str)]) -> Recorded {
    let folder = TempDir::new_in(scratch()).unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in ["kn", "kubectl", "kind", "podman"] {
        fs::write(bin.join(tool), RECORDER).unwrap();
        fs::set_permissions(bin.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new("bash")
        .args([
            "-c",
            r#"PATH=$BIN:$PATH exec bash "scripts/$0.sh" "$@""#,
            name,
        ])
        .args(options)
        .current_dir(REPOSITORY)
        .env("BIN", &bin)
        .env("RECORD", folder.path())
        .env("TMPDIR", folder.path())
        .env_remove("MONGODB_URI")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let said = [output.stdout, output.stderr].concat();
    Recorded {
        succeeded: output.status.success(),
        calls: read("calls").lines().map(str::to_owned).collect(),
        given: read("given"),
        said: String::from_utf8(said).unwrap(),
    }
}

impl Recorded {
    /// Those that change something.
    fn changes(&self) -> Vec<&str> {
        let calls = self.calls.iter().map(String::as_str);
        calls.filter(|call| !call.contains(" get ")).collect()
    }

    fn refused(&self, why: &str) {
        assert!(!self.succeeded && self.said.contains(why), "{}", self.said);
        assert!(
            self.changes().iter().all(|call| call.contains("namespace")),
            "{:?}",
            self.calls
        );
    }
}
