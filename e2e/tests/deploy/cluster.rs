//! `scripts/cluster.sh`, as far as no cluster is needed: the calls that it makes, in their order.

use std::path::Path;

use e2e::{path_of, scratch};
use testkit::product::{Folder, Product};

use crate::{REPOSITORY, deploy};

const ME: &str = "cluster";

#[test]
fn a_cluster_has_what_deploying_needs() {
    let plain = deploy(ME, &["up", "k8s"], &[]);
    assert!(plain.succeeded, "{}", plain.said);
    assert!(
        plain.calls[0]
            .starts_with("kind create cluster --name user-buy-list --image kindest/node:")
    );
    assert!(
        plain.calls[1].contains("kedacore/keda/releases/download/"),
        "{:?}",
        plain.calls
    );

    let knative = deploy(ME, &["up", "knative"], &[]);
    assert!(knative.succeeded, "{}", knative.said);
    let position = |what: &str| {
        let found = knative.calls.iter().position(|call| call.contains(what));
        found.unwrap_or_else(|| panic!("no {what} in {:#?}", knative.calls))
    };
    let order = [
        "serving-crds.yaml",
        "wait --for=condition=Established",
        "serving-core.yaml",
        "kourier.yaml",
        "patch configmap config-network",
        "eventing-crds.yaml",
        "eventing-core.yaml",
        "eventing-kafka-controller.yaml",
        "eventing-kafka-source.yaml",
        "eventing-kafka-sink.yaml",
        "create secret generic mongodb-keyfile",
        "k8s/base/config.yaml --filename k8s/base/kafka.yaml --filename k8s/base/mongodb.yaml",
        "wait --for=condition=complete --timeout=15m job/kafka-topics job/mongodb-init",
    ];
    assert!(order.map(position).is_sorted(), "{:#?}", knative.calls);
    for call in &knative.calls {
        let files = call
            .split(" --filename ")
            .skip(1)
            .filter_map(|words| words.split(' ').next());
        for file in files.filter(|file| *file != "-" && !file.starts_with("https://")) {
            assert!(Path::new(REPOSITORY).join(file).is_file(), "no {file}");
        }
    }
    // What is random is in no argument.
    assert!(!knative.calls.join("\n").contains("mongodb://"));
}

#[test]
fn every_image_is_loaded_and_every_kind_of_pod_is_killed() {
    let loaded = deploy(ME, &["load"], &[("TAG", "v9")]);
    assert!(loaded.succeeded, "{}", loaded.said);
    for name in ["buy", "query", "storer", "consumer", "frontend"] {
        let image = format!("ghcr.io/user-buy-list/{name}:v9");
        assert!(
            loaded.calls.iter().any(|call| call.ends_with(&image)),
            "{name}: {:#?}",
            loaded.calls
        );
    }
    assert_eq!(
        loaded
            .calls
            .iter()
            .filter(|call| call.starts_with("kind load image-archive"))
            .count(),
        5
    );
    let pods = [
        (
            "k8s",
            [
                "app=kafka ",
                "app=mongodb ",
                "app=customer-management ",
                "app=query ",
            ],
        ),
        (
            "knative",
            [
                "app=kafka ",
                "app=mongodb ",
                "service=storer ",
                "app=kafka-source-dispatcher ",
            ],
        ),
    ];
    for (platform, labels) in pods {
        let killed = deploy(ME, &["disturb", platform], &[("PAUSE_S", "0")]);
        assert!(killed.succeeded, "{}", killed.said);
        for label in labels {
            assert!(
                killed.calls.iter().any(|call| call.contains(label)),
                "{label}: {:#?}",
                killed.calls
            );
        }
        let renamed = deploy(
            ME,
            &["disturb", platform],
            &[("PAUSE_S", "0"), ("DELETED", "No resources found")],
        );
        assert!(
            !renamed.succeeded && renamed.said.contains("to kill"),
            "{}",
            renamed.said
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_is_proved_through_the_page_while_pods_are_killed() {
    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let product = Product::start(&folder).await;
    let page = product.page.clone();
    let proved = tokio::task::spawn_blocking(move || {
        let env = [
            ("PAGE", page.as_str()),
            ("PURCHASES", "30"),
            ("PROVE_SETTLE_S", "0"),
            ("PAUSE_S", "0"),
        ];
        deploy(ME, &["prove", "knative"], &env)
    });
    let proved = proved.await.unwrap();
    assert!(
        proved.succeeded && proved.said.contains("each is listed exactly once"),
        "{}",
        proved.said
    );
    assert!(
        proved.calls.iter().any(|call| call.contains("delete pod")),
        "{:#?}",
        proved.calls
    );
    assert!(folder.count("purchases") >= 30);
    product.stop().await;
}
