//! A KafkaSink in binary mode, as far as a dead letter sink needs one.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use e2e::Scene;
use e2e::topics::{self, Raw};
use http::{HeaderMap, StatusCode};
use testkit::app::TestApp;

/// Writes each event that it is sent into the scene's topic of dead letters.
pub(crate) async fn start(scene: &Scene) -> TestApp {
    let routes = Router::new().route("/", post(keep));
    TestApp::start(routes.with_state(scene.clone())).await
}

async fn keep(State(scene): State<Scene>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut letter = Raw {
        value: Some(body.into()),
        ..Raw::default()
    };
    for (name, value) in &headers {
        let name = match name.as_str() {
            "content-type" => "content-type".to_owned(),
            name => match name.strip_prefix("ce-") {
                Some(attribute) => format!("ce_{attribute}"),
                None => continue,
            },
        };
        if name == "ce_partitionkey" {
            letter.key = Some(value.as_bytes().to_vec());
        }
        letter.headers.push((name, Some(value.as_bytes().to_vec())));
    }
    topics::produce(&scene.servers.kafka, &scene.dead_letters, &[letter]).await;
    StatusCode::ACCEPTED
}
