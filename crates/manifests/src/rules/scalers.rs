//! Who decides how many pods there are: nobody, or one.

use std::collections::BTreeMap;

use super::Findings;
use crate::Object;

pub(super) fn are_alone(objects: &[Object], findings: &mut Findings) {
    let mut scaled: BTreeMap<(&str, &str), Vec<&Object>> = BTreeMap::new();
    let scalers = objects
        .iter()
        .filter(|object| ["HorizontalPodAutoscaler", "ScaledObject"].contains(&object.kind()));
    for scaler in scalers {
        // A ScaledObject need not name a kind.
        let kind = scaler
            .text("/spec/scaleTargetRef/kind")
            .unwrap_or("Deployment");
        let name = scaler.text("/spec/scaleTargetRef/name").unwrap_or_default();
        let target = objects
            .iter()
            .find(|object| object.kind() == kind && object.name() == name);
        match target {
            None => findings.add(scaler, format!("scales {kind}/{name}, which is not there")),
            Some(target) => findings.expect(
                target.at("/spec/replicas").is_null(),
                target,
                format!("sets replicas, which {scaler} decides: every `kubectl apply` would set them back"),
            ),
        }
        scaled.entry((kind, name)).or_default().push(scaler);
    }
    for ((kind, name), scalers) in scaled {
        if let [first, second, ..] = scalers[..] {
            findings.add(
                second,
                format!("scales {kind}/{name}, and so does {first}: they would fight"),
            );
        }
    }
}
