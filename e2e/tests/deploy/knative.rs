//! `scripts/deploy-knative.sh`.

use std::path::Path;

use crate::deploy;

const ME: &str = "deploy-knative";
const NAMESPACE: &str = "kubectl create namespace user-buy-list";
const READY: &str = "kubectl --namespace user-buy-list wait --for=condition=Ready --timeout=300s";

#[test]
fn services_go_by_kn_and_the_source_comes_last_by_kubectl() {
    let recorded = deploy(ME, &["--no-smoke"], &[("PAGE", "http://page.example")]);
    assert!(recorded.succeeded, "{}", recorded.said);
    let service = |name: &str| {
        format!("kn service apply {name} --namespace user-buy-list --filename Service-{name}.yaml")
    };
    let mut expected = vec![NAMESPACE.to_owned()];
    expected.push("kubectl apply --filename KafkaSink-dead-letters.yaml".to_owned());
    expected.extend(["query", "storer", "buy", "frontend"].map(service));
    expected.push(format!(
        "{READY} kafkasink/dead-letters ksvc/query ksvc/storer ksvc/buy ksvc/frontend"
    ));
    expected.push("kubectl apply --filename KafkaSource-kafka-source.yaml".to_owned());
    expected.push(format!("{READY} kafkasource/kafka-source"));
    assert_eq!(recorded.changes(), expected);
    assert!(
        recorded.said.contains("the page is at http://page.example"),
        "{}",
        recorded.said
    );
    // Once more does the same, and leaves the namespace as somebody has labelled it.
    let again = deploy(ME, &["--no-smoke"], &[("THERE", "namespace crd secret")]);
    assert_eq!(again.changes(), expected[1..]);
}

#[test]
fn without_kn_everything_goes_by_kubectl_from_the_registry_that_is_named() {
    let env = [("REGISTRY", "ghcr.io/me/shop"), ("TAG", "v9")];
    let recorded = deploy(ME, &["--no-smoke", "--with", "kubectl"], &env);
    assert!(recorded.succeeded, "{}", recorded.said);
    assert!(
        recorded
            .calls
            .iter()
            .all(|call| call.starts_with("kubectl "))
    );
    let images = recorded
        .given
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image: "));
    let mut images: Vec<_> = images.collect();
    images.sort_unstable();
    let expected =
        ["buy", "frontend", "query", "storer"].map(|name| format!("ghcr.io/me/shop/{name}:v9"));
    assert_eq!(images, expected);
    assert_eq!(recorded.given.matches("kind: KafkaSource\n").count(), 1);
}

#[test]
fn a_password_is_given_and_never_an_argument() {
    let uri = "mongodb://ada:s3cret@mongodb:27017/purchases";
    let recorded = deploy(ME, &["--no-smoke"], &[("MONGODB_URI", uri)]);
    assert!(
        recorded.succeeded && recorded.given.contains(uri),
        "{}",
        recorded.said
    );
    assert!(!recorded.calls.join("\n").contains("s3cret"));
    assert!(!recorded.said.contains("s3cret"));
}

#[test]
fn what_is_missing_is_said_before_anything_is_changed() {
    deploy(ME, &[], &[("NO_CLUSTER", "1")]).refused("the cluster does not answer");
    deploy(ME, &[], &[("THERE", "")]).refused("the cluster has no services.serving.knative.dev");
    deploy(ME, &[], &[("THERE", "crd secret deployment")])
        .refused("customer-management is in user-buy-list");
    deploy(ME, &[], &[("THERE", "crd")]).refused("set MONGODB_URI");
    deploy(ME, &["--overlay", "secured"], &[("THERE", "crd")])
        .refused("there is no Secret kafka-auth-buy");
    deploy(ME, &["--overlay", "nonsense"], &[]).refused("there is no overlay nonsense");
    let warned = deploy(ME, &["--no-smoke", "--overlay", "keda"], &[]);
    assert!(
        warned.succeeded && warned.said.contains("warning: KEDA"),
        "{}",
        warned.said
    );
    let on = deploy(
        ME,
        &["--no-smoke", "--overlay", "keda"],
        &[("KEDA_FLAG", "enabled")],
    );
    assert!(on.succeeded && !on.said.contains("warning"), "{}", on.said);
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let dry = deploy(
        ME,
        &["--dry-run"],
        &[(
            "MONGODB_URI",
            "mongodb://ada:s3cret@mongodb:27017/purchases",
        )],
    );
    assert!(dry.succeeded && dry.calls.is_empty(), "{:?}", dry.calls);
    assert_eq!(dry.said.lines().count(), 10, "{}", dry.said);
    for line in dry.said.lines() {
        assert!(
            line.starts_with("kubectl ") || line.starts_with("kn "),
            "{line}"
        );
        if let Some((_, file)) = line.split_once("--filename ") {
            assert!(
                file.ends_with(".yaml") && Path::new(file).is_absolute(),
                "{line}"
            );
        }
    }
    assert!(!dry.said.contains("s3cret"));
}

#[test]
fn what_is_taken_away_is_asked_for_nothing_more() {
    let recorded = deploy(ME, &["--undeploy"], &[]);
    let delete = "kubectl --namespace user-buy-list delete --ignore-not-found --wait";
    let expected = [
        format!("{delete} kafkasource/kafka-source"),
        format!("{delete} ksvc/query ksvc/storer ksvc/buy ksvc/frontend kafkasink/dead-letters"),
    ];
    assert_eq!(recorded.changes(), expected);
}
