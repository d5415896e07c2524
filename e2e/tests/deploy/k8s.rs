//! `scripts/deploy-k8s.sh`.

use crate::deploy;

const ME: &str = "deploy-k8s";
const NEW: [(&str, &str); 1] = [("THERE", "crd apiservice")];
const FUNCTIONS: [&str; 4] = [
    "query",
    "customer-facing",
    "user-buy-frontend",
    "customer-management",
];
const SECRETS: [&str; 4] = [
    "kubectl --namespace user-buy-list create secret generic customer-management-secret --from-file=MONGODB_URI=/dev/stdin --dry-run=client --output yaml",
    "kubectl create --filename -",
    "kubectl --namespace user-buy-list create secret generic mongodb-keyfile --from-file=keyfile=/dev/stdin --dry-run=client --output yaml",
    "kubectl create --filename -",
];

#[test]
fn secrets_are_made_once_and_everything_is_applied_and_waited_for() {
    let new = deploy(ME, &["--no-smoke"], &NEW);
    assert!(new.succeeded, "{}", new.said);
    let in_namespace = |words: &str| format!("kubectl --namespace user-buy-list {words}");
    let mut expected = vec!["kubectl apply --filename Namespace-user-buy-list.yaml".to_owned()];
    expected.extend(SECRETS.map(str::to_owned));
    let jobs = "job/kafka-topics job/mongodb-init";
    expected.push(in_namespace(&format!(
        "delete --ignore-not-found --wait {jobs}"
    )));
    expected.push("kubectl apply --filename .".to_owned());
    expected.push(in_namespace(&format!(
        "wait --for=condition=complete --timeout=15m {jobs}"
    )));
    // What they read, as it was made or found: a pod that has read it already is left alone.
    let patch = r#"--type merge --patch {"spec":{"template":{"metadata":{"annotations":{"user-buy-list/settings":"41 42"}}}}}"#;
    expected
        .extend(FUNCTIONS.map(|name| in_namespace(&format!("patch deployment/{name} {patch}"))));
    expected.extend(
        FUNCTIONS
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
fn an_hpa_finds_a_pod_to_start_with() {
    let asleep = deploy(
        ME,
        &["--no-smoke", "--overlay", "hpa"],
        &[("REPLICAS", "0")],
    );
    let scale =
        "kubectl --namespace user-buy-list scale --replicas=1 deployment/customer-management";
    assert!(
        asleep.succeeded && asleep.changes().contains(&scale),
        "{:?}",
        asleep.calls
    );
    let awake = deploy(ME, &["--no-smoke", "--overlay", "hpa"], &[]);
    assert!(
        awake.succeeded && !awake.changes().contains(&scale),
        "{:?}",
        awake.calls
    );
}

#[test]
fn a_password_is_given_and_never_an_argument() {
    let uri = "mongodb://ada:s3cret@mongodb:27017/purchases";
    let recorded = deploy(
        ME,
        &["--no-smoke", "--overlay=hpa"],
        &[("MONGODB_URI", uri)],
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
    deploy(ME, &[], &[("NO_CLUSTER", "1")]).refused("the cluster does not answer");
    deploy(ME, &[], &[("THERE", "")]).refused("the cluster has no KEDA");
    let hpa = ["--overlay", "hpa"];
    deploy(ME, &hpa, &[("THERE", "")]).refused("the cluster has no podmonitors");
    deploy(ME, &hpa, &[("THERE", "crd scaledobject")]).refused("KEDA scales customer-management");
    deploy(ME, &[], &[("THERE", "crd kafkasource")]).refused("kafka-source is in user-buy-list");
    deploy(ME, &["--overlay", "nonsense"], &[]).refused("there is no overlay nonsense");
    deploy(ME, &["--with", "kn"], &[]).refused("--with is for Knative");
    let warned = deploy(ME, &["--no-smoke", "--overlay", "hpa"], &[("THERE", "crd")]);
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
    assert_eq!(commands.count(), 10, "{}", dry.said);
    assert!(!dry.said.contains("s3cret"));
}

/// Everything by its label, whatever overlay it is of.
#[test]
fn what_was_bought_outlives_what_is_taken_away() {
    let recorded = deploy(ME, &["--undeploy"], &[]);
    let [delete] = recorded.changes()[..] else {
        panic!("{:?}", recorded.calls)
    };
    let (before, kinds) = delete.rsplit_once(' ').unwrap();
    let selected = "--selector app.kubernetes.io/part-of=user-buy-list";
    assert_eq!(
        before,
        format!("kubectl --namespace user-buy-list delete --ignore-not-found --wait {selected}")
    );
    let kinds: Vec<_> = kinds
        .split(',')
        .map(|kind| kind.split('.').next().unwrap().trim_end_matches('s'))
        .collect();
    let kept = ["namespace", "persistentvolumeclaim", "secret"];
    for overlay in ["keda", "hpa"] {
        let applied = deploy(ME, &["--no-smoke", "--overlay", overlay], &[]);
        for object in applied.given.split("\nkind: ").skip(1) {
            let kind = object.lines().next().unwrap().to_lowercase();
            let is_taken = kinds.contains(&kind.as_str());
            assert_ne!(is_taken, kept.contains(&kind.as_str()), "{kind}");
            assert!(
                !is_taken || object.contains("app.kubernetes.io/part-of: user-buy-list"),
                "{object}"
            );
        }
    }
    let without = deploy(ME, &["--undeploy"], &[("THERE", "")]);
    assert!(
        without.succeeded && !without.changes()[0].contains("keda"),
        "{:?}",
        without.calls
    );
}
