//! One document: its routes, and of what all documents share only what they use.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Paths};
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

use crate::{page, probes, problems, schemas};

/// What is true of every route, and of what is none.
const EVERYWHERE: &str = "Errors are RFC 9457 problems with a sentence in `error` and, if fields are wrong, a message for each in \
    `errors`. An address that is not described here is answered with 404, and a method that an address does not take with 405 and \
    `Allow`. HEAD is answered wherever GET is. Parameters and members that are not described are ignored. HTTP/1.1 only; what is no HTTP gets a 400 without a body.";

/// An operation and its address.
#[derive(Clone)]
pub(crate) struct Route {
    method: HttpMethod,
    path: String,
    operation: Operation,
}

impl Route {
    pub(crate) fn get(path: &str, operation: OperationBuilder) -> Self {
        Self::new(HttpMethod::Get, path, operation)
    }

    pub(crate) fn post(path: &str, operation: OperationBuilder) -> Self {
        Self::new(HttpMethod::Post, path, operation)
    }

    fn new(method: HttpMethod, path: &str, operation: OperationBuilder) -> Self {
        Self {
            method,
            path: path.to_owned(),
            operation: operation.build(),
        }
    }
}

/// The document of one function.
pub struct Document {
    /// Where the committed copy is, from the root of the repository.
    pub file: &'static str,
    openapi: OpenApi,
}

impl Document {
    /// `routes` are those of the function itself; what every function answers is added.
    pub(crate) fn new(file: &'static str, name: &str, about: &str, routes: Vec<Route>) -> Self {
        let mut paths = Paths::new();
        for route in routes.into_iter().chain(probes::routes()) {
            let Route {
                method,
                path,
                operation,
            } = route;
            paths.add_path_operation(path, vec![method], operation);
        }
        let license = LicenseBuilder::new()
            .name("Apache License 2.0")
            .identifier(Some("Apache-2.0"));
        let info = InfoBuilder::new()
            .title(format!("User Buy List: {name}"))
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(format!("{about}\n\n{EVERYWHERE}")))
            .license(Some(license.build()));
        let openapi = OpenApiBuilder::new()
            .info(info)
            .paths(paths)
            .components(Some(components()));
        let mut openapi = openapi.build();
        keep_used(&mut openapi);
        Self { file, openapi }
    }

    /// As it is committed.
    pub fn text(&self) -> String {
        self.openapi.to_pretty_json().unwrap() + "\n"
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        serde_json::to_value(&self.openapi).unwrap()
    }
}

fn components() -> Components {
    let mut components = Components::new();
    components.schemas.extend(schemas::all());
    components.schemas.extend(problems::schemas());
    components.responses.extend(problems::responses());
    components.headers.extend(page::headers());
    components
}

/// Takes out what nothing refers to, directly or through others.
fn keep_used(openapi: &mut OpenApi) {
    let whole = serde_json::to_value(&*openapi).unwrap();
    let mut used = BTreeSet::new();
    let mut open = vec![&whole["paths"]];
    while let Some(part) = open.pop() {
        match part {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            Value::String(text)
                if text.starts_with("#/components/") && used.insert(text.clone()) =>
            {
                let target = whole.pointer(text.trim_start_matches('#'));
                open.push(target.unwrap_or_else(|| panic!("{text} is nowhere")));
            }
            _ => {}
        }
    }
    let is_used = |kind: &str, name: &str| used.contains(&format!("#/components/{kind}/{name}"));
    if let Some(components) = &mut openapi.components {
        components
            .schemas
            .retain(|name, _| is_used("schemas", name));
        components
            .responses
            .retain(|name, _| is_used("responses", name));
        components
            .headers
            .retain(|name, _| is_used("headers", name));
    }
}
