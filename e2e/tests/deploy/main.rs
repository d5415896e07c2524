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

use e2e::{path_of, scratch};
use tempfile::TempDir;
use testkit::product::{Folder, Product};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Stands for the tools: writes down how it was called and what it was given, and answers what the test says.
const RECORDER: &str = r#"#!/usr/bin/env bash
tool=$(basename "$0")
if [ "$1" = kustomize ]; then exec bash scripts/manifests.sh build "$2"; fi
call="$tool $*"
named=${call//"$TMPDIR"\/tmp.??????????\//}
echo "${named//"$TMPDIR"\/tmp.??????????/.}" >>"$RECORD/calls"
case "$call" in
    *'kubectl version') exit "${NO_CLUSTER:-0}" ;;
    *'get configmap config-kafka-features'*) printf %s "${KEDA_FLAG:-}" ;;
    *'get configmap/'*) printf '41 42' ;;
    *'get deployment/customer-management'*) printf %s "${REPLICAS:-1}" ;;
    *'get ksvc frontend'*) printf %s "$PAGE" ;;
    *' get '*)
        kind=${call#* get } && kind=${kind%% *}
        case " ${THERE-crd apiservice secret} " in *" $kind "*) echo "$kind/it" ;; esac
        ;;
    *' delete pod '*) echo "${DELETED:-pod/it deleted}" ;;
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
        calls
            .filter(|call| !call.contains(" get ") && *call != "kubectl version")
            .collect()
    }

    fn refused(&self, why: &str) {
        assert!(!self.succeeded && self.said.contains(why), "{}", self.said);
        assert!(self.changes().is_empty(), "{:?}", self.calls);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_end_it_buys_something() {
    for name in ["deploy-k8s", "deploy-knative"] {
        let folder = Folder::new(path_of("user-buy-list"), scratch());
        let product = Product::start(&folder).await;
        let page = product.page.trim_end_matches('/').to_owned();
        let deployed = tokio::task::spawn_blocking(move || deploy(name, &[], &[("PAGE", &page)]));
        let deployed = deployed.await.unwrap();
        let said = &deployed.said;
        assert!(deployed.succeeded && said.contains("smoke: "), "{said}");
        assert_eq!(folder.count("purchases"), 2);
        let nobody = deploy(name, &[], &[("PAGE", "http://127.0.0.1:1")]);
        assert!(!nobody.succeeded, "{name}");
        product.stop().await;
    }
}
