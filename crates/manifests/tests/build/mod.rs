//! Objects as `scripts/manifests.sh` builds them.

use std::process::Command;

use manifests::{Object, read};

pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub(crate) fn build(folder: &str) -> Vec<Object> {
    let output = Command::new("bash")
        .arg(format!("{REPOSITORY}/scripts/manifests.sh"))
        .args(["build", folder])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{folder}: {errors}");
    read(&String::from_utf8(output.stdout).unwrap()).unwrap()
}
