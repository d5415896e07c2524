//! What is documented and what is there.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use testkit::file::SqliteFile;
use tower::ServiceExt as _;

use crate::functions;

/// A method and a path, as documents write them.
type Routes = BTreeSet<(String, String)>;

#[tokio::test]
async fn documented_routes_are_those_that_are_there() {
    let file = SqliteFile::open();
    let documents = openapi::all();
    let functions = functions::all(&file);
    assert_eq!(documents.len(), functions.len());
    for (folder, router) in functions {
        let document = documents
            .iter()
            .find(|document| document.file == format!("{folder}/openapi.json"))
            .unwrap();
        let there = routes_of(&router).await;
        assert!(there.len() > 6, "{folder}: {there:?}");
        assert_eq!(documented(&document.json()), there, "{folder}");
    }
}

#[tokio::test]
async fn each_function_serves_its_own_document() {
    let file = SqliteFile::open();
    let documents = openapi::all();
    for (folder, router) in functions::all(&file) {
        let document = documents
            .iter()
            .find(|document| document.file == format!("{folder}/openapi.json"))
            .unwrap();
        let answer = ask(&router, Method::GET, "/openapi.json").await;
        assert_eq!(answer.status(), StatusCode::OK, "{folder}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(
            body == document.text(),
            "{folder} serves another document than its own"
        );
    }
}

#[test]
fn names_of_operations_are_unique_and_links_lead_to_one() {
    for document in openapi::all() {
        let json = document.json();
        let mut names = BTreeSet::new();
        for operation in operations(&json).map(|(_, _, operation)| operation) {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{}: {name}", document.file);
        }
        for (_, _, operation) in operations(&json) {
            if let Some(link) = operation.pointer("/responses/201/links/list/operationId") {
                assert!(
                    names.contains(link.as_str().unwrap()),
                    "{}: {link}",
                    document.file
                );
            }
        }
    }
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods
            .iter()
            .map(move |(method, operation)| (method, path, operation))
    })
}

fn documented(document: &Value) -> Routes {
    operations(document)
        .map(|(method, path, _)| (method.to_uppercase(), path.clone()))
        .collect()
}

/// Asks every address which methods it takes.
async fn routes_of(router: &Router) -> Routes {
    let mut routes = Routes::new();
    for path in paths_of(router) {
        let address = path.replace("{*userid}", "ada");
        let refused = ask(router, Method::TRACE, &address).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = refused.headers()["allow"].to_str().unwrap();
        for method in allowed.split(',').map(str::trim) {
            // Answered wherever GET is, and not worth a word each time.
            if method != "HEAD" {
                routes.insert((method.to_owned(), path.replace("{*", "{")));
            }
        }
    }
    routes
}

/// axum tells its routes to people only; that all are found is seen from the documents, which have them.
fn paths_of(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let (routes, _) = shown.split_once("fallback_router").unwrap();
    let (_, paths) = routes.rsplit_once("paths: ").unwrap();
    paths
        .split('"')
        .filter(|part| part.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

async fn ask(router: &Router, method: Method, address: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(address);
    let request = request.body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}
