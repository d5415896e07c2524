//! `scripts/deploy-k8s.sh`.

use e2e::{path_of, scratch};
use testkit::product::{Folder, Product};

use crate::deploy;

const ME: &str = "deploy-k8s";
const NEW: [(&str, &str); 1] = [("NO_SECRET", "1")];
const SECRETS: [&str; 4] = [
    "kubectl --namespace user-buy-list create secret generic customer-management-secret --from-file=MONGODB_URI=/dev/stdin --dry-run=client --output yaml",
    "kubectl apply --filename -",
    "kubectl --namespace user-buy-list create secret generic mongodb-keyfile --from-file=keyfile=/dev/stdin --dry-run=client --output yaml",
    "kubectl apply --filename -",
];

#[test]
fn secrets_are_made_once_and_everything_is_applied_and_waited_for() {
    let new = deploy(ME, &["--no-smoke"], &NEW);
    assert!(new.succeeded, "{}", new.said);
    let in_namespace = |words: &str| format!("kubectl --namespace user-buy-list {words}");
    let mut expected = vec!["kubectl apply --filename Namespace-user-buy-list.yaml".to_owned()];
    expected.extend(SECRETS.map(str::to_owned));
    expected.push("kubectl apply --filename ConfigMap-user-buy-list-config.yaml".to_owned());
    let jobs = "job/kafka-topics job/mongodb-init";
    expected.push(in_namespace(&format!(
        "delete --ignore-not-found --wait {jobs}"
    )));
    expected.push("kubectl apply --filename .".to_owned());
    expected.push(in_namespace(&format!(
        "wait --for=condition=complete --timeout=15m {jobs}"
    )));
    expected.extend(
        [
            "query",
            "customer-facing",
            "user-buy-frontend",
            "customer-management",
        ]
        .map(|name| in_namespace(&format!("rollout status --timeout=15m deployment/{name}"))),
    );
    assert_eq!(new.changes(), expected);
    assert!(
        new.given.contains("mongodb://user-buy-list:"),
        "{}",
        new.given
    );
    assert_eq!(new.given.matches("kind: ScaledObject\n").count(), 1);

    // Whatever would take the key file or the password from a database that has them is not repeated.
    let again = deploy(ME, &["--no-smoke"], &[]);
    assert!(again.succeeded, "{}", again.said);
    expected.drain(1..=SECRETS.len());
    assert_eq!(again.changes(), expected);
}

#[test]
fn pods_start_anew_when_what_they_read_is_another() {
    let unchanged = deploy(
        ME,
        &["--no-smoke"],
        &[("APPLIED", "configmap/user-buy-list-config unchanged")],
    );
    assert!(unchanged.succeeded && !unchanged.calls.join("\n").contains("restart"));
    let changed = deploy(
        ME,
        &["--no-smoke"],
        &[("APPLIED", "configmap/user-buy-list-config configured")],
    );
    let restart = "kubectl --namespace user-buy-list rollout restart deployment/query deployment/customer-facing \
        deployment/user-buy-frontend deployment/customer-management";
    assert!(
        changed.succeeded && changed.changes().contains(&restart),
        "{:?}",
        changed.calls
    );
}

#[test]
fn a_password_is_given_and_never_an_argument() {
    let uri = "mongodb://ada:s3cret@mongodb:27017/purchases";
    let recorded = deploy(
        ME,
        &["--no-smoke", "--overlay=hpa"],
        &[("MONGODB_URI", uri), ("NO_SCALED_OBJECT", "1")],
    );
    assert!(
        recorded.succeeded && recorded.given.contains(uri),
        "{}",
        recorded.said
    );
    assert!(!recorded.calls.join("\n").contains("s3cret") && !recorded.said.contains("s3cret"));
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_changed() {
    deploy(ME, &[], &[("NO_CRD", "1")]).refused("the cluster has no KEDA");
    deploy(ME, &["--overlay", "hpa"], &[("NO_CRD", "1")]).refused("the cluster has no podmonitors");
    deploy(ME, &["--overlay", "hpa"], &[]).refused("KEDA scales customer-management");
    deploy(
        ME,
        &[],
        &[("SOURCES", "kafkasource.sources.knative.dev/kafka-source")],
    )
    .refused("kafka-source in user-buy-list may read as the same group");
    deploy(ME, &["--overlay", "nonsense"], &[]).refused("there is no overlay nonsense");
    deploy(ME, &["--with", "kn"], &[]).refused("--with is for Knative");
    let warned = deploy(
        ME,
        &["--no-smoke", "--overlay", "hpa"],
        &[("NO_SCALED_OBJECT", "1"), ("NO_METRICS", "1")],
    );
    assert!(
        warned.succeeded && warned.said.contains("warning: nobody answers"),
        "{}",
        warned.said
    );
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
    let commands = dry.said.lines().filter(|line| line.starts_with("kubectl "));
    assert_eq!(commands.count(), 11, "{}", dry.said);
    assert!(!dry.said.contains("s3cret"));
}

#[test]
fn what_was_bought_outlives_what_is_taken_away() {
    let recorded = deploy(ME, &["--undeploy"], &[]);
    let [delete] = recorded.changes()[..] else {
        panic!("{:?}", recorded.calls)
    };
    assert_eq!(
        delete,
        "kubectl delete --ignore-not-found --wait --filename ."
    );
    assert!(recorded.given.contains("kind: StatefulSet\n"));
    for kept in [
        "kind: PersistentVolumeClaim\n",
        "kind: Namespace\n",
        "kind: Secret\n",
    ] {
        assert!(!recorded.given.contains(kept), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_end_it_buys_something() {
    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let product = Product::start(&folder).await;
    let page = product.page.trim_end_matches('/').to_owned();
    let deployed = tokio::task::spawn_blocking(move || deploy(ME, &[], &[("PAGE", page.as_str())]));
    let deployed = deployed.await.unwrap();
    assert!(
        deployed.succeeded && deployed.said.contains("smoke: "),
        "{}",
        deployed.said
    );
    assert_eq!(folder.count("purchases"), 2);
    let nobody = deploy(ME, &[], &[("PAGE", "http://127.0.0.1:1")]);
    assert!(!nobody.succeeded);
    product.stop().await;
}
