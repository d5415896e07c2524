//! What every function answers: for probes, for people, for whoever counts, and for whoever reads this.

use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use crate::document::Route;
use crate::problems::{anywhere, refusal, shared};
use crate::schemas::{named, typed};

const JSON: &str = "application/json";

/// These come last in every document.
pub(crate) fn routes() -> Vec<Route> {
    let alive = [
        ("/health", "health"),
        ("/health/liveness", "liveness"),
        ("/health/readiness", "readiness"),
    ];
    let mut routes: Vec<_> = alive.map(|(path, id)| Route::get(path, health(id))).into();
    routes.extend([
        Route::get("/ready", ready()),
        Route::get("/metrics", metrics()),
        Route::get("/openapi.json", document()),
    ]);
    routes
}

/// They stand outside the limits of the other routes.
fn probe(id: &str, summary: &str) -> OperationBuilder {
    let operation = OperationBuilder::new()
        .tag("operation")
        .operation_id(Some(id))
        .summary(Some(summary));
    shared(operation, &[("431", "HeadTooLarge")])
}

fn health(id: &str) -> OperationBuilder {
    probe(id, "Whether the process lives; nothing else is asked")
        .response("200", answer("It does.", "Health"))
}

fn ready() -> OperationBuilder {
    probe(
        "ready",
        "Whether it could work now, for people and alerts; never for probes",
    )
    .response("200", answer("It could.", "Readiness"))
    .response("503", answer("It could not.", "Readiness"))
}

fn metrics() -> OperationBuilder {
    let text = ContentBuilder::new().schema(Some(typed(Type::String)));
    probe("metrics", "What was counted")
        .description(Some(
            "Not here but on a port of its own if `METRICS_PORT` is set; not here under Knative, where it would keep the function awake.",
        ))
        .response(
            "200",
            ResponseBuilder::new()
                .description("OpenMetrics text.")
                .content("application/openmetrics-text", text.build()),
        )
        .response("404", refusal("They are not here.", "Problem"))
}

fn document() -> OperationBuilder {
    let operation = OperationBuilder::new()
        .tag("operation")
        .operation_id(Some("document"))
        .summary(Some("This document"))
        .response(
            "200",
            ResponseBuilder::new().description("OpenAPI 3.1.").content(
                JSON,
                ContentBuilder::new()
                    .schema(Some(typed(Type::Object)))
                    .build(),
            ),
        );
    anywhere(shared(operation, &[("503", "Busy")]))
}

fn answer(description: &str, schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(named(schema)));
    ResponseBuilder::new()
        .description(description)
        .content(JSON, content.build())
}
