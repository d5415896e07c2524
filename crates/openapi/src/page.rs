//! The files of the page, and the documents to read.

use serde_json::json;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Required, ResponseBuilder};

use crate::document::Route;
use crate::problems::{always, anywhere, refusal, shared, sometimes};
use crate::schemas::{named, one_of, text, typed};

const HTML: &str = "text/html";
const CSS: &str = "text/css";
const SCRIPT: &str = "text/javascript";
const DRAWING: &str = "image/svg+xml";
const FORM: &str = "application/x-www-form-urlencoded";

/// What a browser gets.
pub(crate) fn files() -> Vec<Route> {
    let mut files = vec![Route::get("/", page()), Route::post("/", form())];
    files.extend(routes(&[
        (
            "/accepted.js",
            "acceptedScript",
            "What it waits for",
            SCRIPT,
        ),
        ("/api.js", "apiScript", "How it asks", SCRIPT),
        (
            "/elements.js",
            "elementsScript",
            "How it shows texts",
            SCRIPT,
        ),
        ("/glance.js", "glanceScript", "How it shows sums", SCRIPT),
        ("/icon.svg", "icon", "Its sign", DRAWING),
        ("/intents.js", "intentsScript", "What it may repeat", SCRIPT),
        ("/line.js", "lineScript", "How it shows a purchase", SCRIPT),
        ("/list.js", "listScript", "How it lists", SCRIPT),
        ("/memory.js", "memoryScript", "What it keeps", SCRIPT),
        ("/page.css", "pageStyle", "How it looks", CSS),
        ("/page.js", "pageScript", "What it does", SCRIPT),
        ("/path.js", "pathScript", "How it shows the way", SCRIPT),
        ("/receipt.js", "receiptScript", "How it prints", SCRIPT),
        ("/surprise.js", "surpriseScript", "What it suggests", SCRIPT),
    ]));
    files
}

/// The page, or what takes its place where no scripts run.
fn page() -> OperationBuilder {
    let parameters = [
        ("user", "Whose list it shows."),
        (
            "plain",
            "Whatever its value: the newest purchases as HTML that needs no scripts.",
        ),
        ("name", "Of the plain page: the name in its form."),
        (
            "bought",
            "Of the plain page: a purchase that its list waits for, two seconds at most.",
        ),
    ];
    let operation = OperationBuilder::new()
        .tag("page")
        .operation_id(Some("page"))
        .summary(Some("The page"))
        .parameter(known());
    let operation = parameters
        .into_iter()
        .fold(operation, |operation, (name, about)| {
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(about))
                .schema(Some(typed(Type::String)));
            operation.parameter(parameter)
        });
    let tag = sometimes("What it is known by; the plain page has none.", tag());
    let response = content(HTML).header("ETag", tag);
    let operation = operation.response("200", response).response(
        "304",
        protected(unchanged()).header_ref("ETag", header("ETag")),
    );
    anywhere(shared(operation, &[("503", "Busy")]))
}

/// Buying without scripts.
fn form() -> OperationBuilder {
    let key = text(
        "Its `Idempotency-Key`; without one nothing is bought, and the form comes back with one.",
    )
    .min_length(Some(1))
    .max_length(Some(36))
    .pattern(Some("^[0-9a-f-]+$"));
    let keyed = typed(Type::Object).property("key", key).required("key");
    let fields = AllOfBuilder::new().item(named("NewPurchase")).item(keyed);
    let example = json!({"username": "Ada", "userid": "ada", "item": "kite", "price": "2.50", "key": "01930000-0000-7000-8000-000000000001"});
    let body = RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content(
            FORM,
            ContentBuilder::new()
                .schema(Some(fields))
                .example(Some(example))
                .build(),
        );
    let list = text("Of the plain page.").pattern(Some("^\\./\\?user="));
    let bought = ResponseBuilder::new()
        .description("It is bought. The list is elsewhere.")
        .header("Location", always("The list that it is on.", list));
    let page = || {
        ContentBuilder::new()
            .schema(Some(typed(Type::String)))
            .build()
    };
    // What is no form at all, or comes when there is too much to do, is answered before there is a page.
    let refused = |description: &str| refusal(description, "Problem").content(HTML, page());
    let operation = OperationBuilder::new()
        .tag("page")
        .operation_id(Some("buyPlain"))
        .summary(Some("Buy by a form"))
        .request_body(Some(body.build()))
        .response("303", bought)
        .response("4XX", refused("It is refused; the form says why."))
        .response(
            "5XX",
            refused("It may be recorded or not; the form repeats it."),
        );
    anywhere(operation)
}

/// What the product in one process has beside them.
pub(crate) fn documentation() -> Vec<Route> {
    routes(&[
        ("/docs", "docs", "What each port answers, for people", HTML),
        ("/docs.css", "docsStyle", "How that looks", CSS),
    ])
}

fn routes(files: &[(&str, &str, &str, &str)]) -> Vec<Route> {
    files
        .iter()
        .map(|(path, id, summary, kind)| Route::get(path, file(id, summary, kind)))
        .collect()
}

/// With a tag, so that a browser that has it gets it once.
fn file(id: &str, summary: &str, kind: &str) -> OperationBuilder {
    let tagged = |response: ResponseBuilder| response.header_ref("ETag", header("ETag"));
    let operation = OperationBuilder::new()
        .tag("page")
        .operation_id(Some(id))
        .summary(Some(summary))
        .parameter(known())
        .response("200", tagged(content(kind)))
        .response("304", tagged(protected(unchanged())));
    anywhere(shared(operation, &[("503", "Busy")]))
}

fn known() -> ParameterBuilder {
    ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The `ETag` of the file that the client has."))
        .schema(Some(text("As RFC 9110 writes it.")))
}

fn unchanged() -> ResponseBuilder {
    ResponseBuilder::new().description("The client has it.")
}

fn content(kind: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(typed(Type::String)));
    protected(ResponseBuilder::new().description("The file.")).content(kind, content.build())
}

fn protected(response: ResponseBuilder) -> ResponseBuilder {
    let names = [
        "Cache-Control",
        "Content-Security-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Permissions-Policy",
        "Referrer-Policy",
        "X-Content-Type-Options",
    ];
    names.into_iter().fold(response, |response, name| {
        response.header_ref(name, header(name))
    })
}

fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn tag() -> ObjectBuilder {
    text("A strong tag.").pattern(Some("^\"[0-9a-f]{32}\"$"))
}

/// The headers of files and their names.
pub(crate) fn headers() -> Vec<(String, RefOr<Header>)> {
    let word = |value| always("The same for all.", one_of("A word.", &[value]));
    let written = |about, by| always(about, text(by));
    let caching = one_of(
        "The second of the plain page.",
        &["no-cache", "private, no-cache"],
    );
    let named = [
        ("Cache-Control", always("It is asked for again.", caching)),
        (
            "Content-Security-Policy",
            written("What the file may do.", "As CSP 3 writes it."),
        ),
        ("Cross-Origin-Opener-Policy", word("same-origin")),
        ("Cross-Origin-Resource-Policy", word("same-origin")),
        ("ETag", always("What the file is known by.", tag())),
        (
            "Permissions-Policy",
            written("What it needs nothing of.", "As the W3C writes it."),
        ),
        ("Referrer-Policy", word("no-referrer")),
        ("X-Content-Type-Options", word("nosniff")),
    ];
    named
        .map(|(name, header)| (name.to_owned(), header.into()))
        .into()
}
