//! What every port has: probes, metrics, documents, and the page.

use e2e::metric_of;
use reqwest::Method;
use serde_json::json;

use crate::ask::{ask, get, get_with};
use crate::site::Site;

pub(crate) async fn the_page_is_there(site: &Site) {
    let page = get(&site.page).await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    assert!(page.body.contains("<title>"));
    let known = get_with(
        &site.page,
        &[("if-none-match", page.header("etag").unwrap())],
    )
    .await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
}

pub(crate) async fn probes_are_answered_with_200(site: &Site) {
    for base in site.all() {
        for probe in ["/health", "/health/liveness", "/health/readiness"] {
            let answer = get(&format!("{base}{probe}")).await;
            assert_eq!(
                (answer.status, answer.json()),
                (200, json!({"status": "ok"}))
            );
        }
        let ready = get(&format!("{base}/ready")).await;
        assert_eq!(
            (ready.status, ready.json()),
            (200, json!({"ready": true, "missing": []}))
        );
    }
}

pub(crate) async fn every_port_serves_its_document(site: &Site) {
    let own = [
        (&site.page, "/buy"),
        (&site.buy, "/buy"),
        (&site.storer, "/purchases"),
        (&site.query, "/purchases"),
    ];
    for (base, path) in own {
        let document = get(&format!("{base}/openapi.json")).await.json();
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["paths"][path].is_object(), "{base} has no {path}");
    }
}

pub(crate) async fn metrics_count_what_was_asked(site: &Site) {
    for base in site.all() {
        // A method that no other line uses.
        let count = async || {
            metric_of(
                &base,
                "http_server_request_duration_seconds_count",
                "\"PATCH\"",
            )
            .await
        };
        let before = count().await;
        ask(Method::PATCH, &format!("{base}/getAllUserBuys/ada")).await;
        assert_eq!(count().await, before + 1, "{base}");
        let metrics = get(&format!("{base}/metrics")).await;
        assert!(
            metrics
                .header("content-type")
                .unwrap()
                .starts_with("application/openmetrics-text")
        );
        assert!(metrics.body.ends_with("# EOF\n"));
        assert!(!metrics.body.contains("ada"), "a user is in the metrics");
    }
}
