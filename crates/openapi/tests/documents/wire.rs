//! What is said of answers and how the code writes them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use http_body_util::BodyExt as _;
use purchase::wire::PurchaseJson;
use serde_json::Value;
use serve::Problem;
use testkit::sample;

fn schema(name: &str) -> Value {
    let documents = openapi::all();
    let mut found = documents.iter().map(|document| {
        let json = document.json();
        json["components"]["schemas"][name].clone()
    });
    found.find(|schema| !schema.is_null()).unwrap()
}

fn members(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_listed_purchase_has_the_documented_members() {
    let purchase = sample::purchase("ada");
    let written = serde_json::to_value(PurchaseJson::from(&purchase)).unwrap();
    assert_eq!(
        members(&written),
        members(&schema("Purchase")["properties"])
    );
}

#[tokio::test]
async fn a_problem_has_the_documented_members() {
    let problem = Problem::new(StatusCode::BAD_REQUEST, "x").field("y", "z");
    let body = problem.into_response().into_body().collect().await;
    let written: Value = serde_json::from_slice(&body.unwrap().to_bytes()).unwrap();
    let documented = schema("Problem");
    assert_eq!(members(&written), members(&documented["properties"]));
    assert_eq!(
        members(&written["errors"][0]),
        members(&documented["properties"]["errors"]["items"]["properties"])
    );
}
