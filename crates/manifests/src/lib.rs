//! What is wrong with Kubernetes manifests that no schema can tell: defaults that lose purchases, probes that make an outage a
//! greater one, two scalers that fight, and values that the programs read in another way.
//!
//! Never part of a product. `check-manifests` reads what `kustomize build` writes, ours or that of a fork; each rule is a
//! function from all objects of a deployment to what it finds.

mod object;
mod rules;

pub use object::{Object, ReadError, read};
pub use rules::{Finding, check, defaults};
