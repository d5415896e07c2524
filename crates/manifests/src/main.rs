//! Checks the manifests of a deployment, ours or a fork's:
//!
//! ```sh
//! kustomize build k8s/overlays/keda | check-manifests
//! ```

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut yaml = String::new();
    let read = io::stdin()
        .read_to_string(&mut yaml)
        .map_err(|error| error.to_string());
    let objects = read.and_then(|_| manifests::read(&yaml).map_err(|error| error.to_string()));
    let objects = match objects {
        Ok(objects) => objects,
        Err(error) => {
            let usage =
                "takes objects as YAML on its standard input, such as those of `kustomize build`";
            let _ = writeln!(io::stderr(), "check-manifests {usage}: {error}");
            return ExitCode::from(64);
        }
    };
    let findings = manifests::check(&objects);
    for finding in &findings {
        let _ = writeln!(io::stdout(), "{finding}");
    }
    let (objects, findings) = (objects.len(), findings.len());
    let _ = writeln!(
        io::stderr(),
        "check-manifests: {objects} objects, {findings} findings"
    );
    ExitCode::from(u8::from(findings > 0))
}
