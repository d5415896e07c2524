//! The files of the page, and the documents to read.

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Required, ResponseBuilder};

use crate::document::Route;
use crate::problems::{always, anywhere, shared};
use crate::schemas::{one_of, text, typed};

const HTML: &str = "text/html";
const CSS: &str = "text/css";
const SCRIPT: &str = "text/javascript";

/// What a browser gets.
pub(crate) fn files() -> Vec<Route> {
    routes(&[
        ("/", "page", "The page", HTML),
        ("/page.css", "pageStyle", "How it looks", CSS),
        ("/page.js", "pageScript", "What it does", SCRIPT),
        ("/api.js", "apiScript", "How it asks", SCRIPT),
        ("/quote.js", "quoteScript", "How it shows texts", SCRIPT),
        ("/list.js", "listScript", "How it lists", SCRIPT),
        ("/surprise.js", "surpriseScript", "What it suggests", SCRIPT),
    ])
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
    let known = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The `ETag` of the file that the client has."))
        .schema(Some(text("As RFC 9110 writes it.")));
    let unchanged = ResponseBuilder::new().description("The client has it.");
    let operation = OperationBuilder::new()
        .tag("page")
        .operation_id(Some(id))
        .summary(Some(summary))
        .parameter(known)
        .response("200", content(kind))
        .response("304", protected(unchanged));
    anywhere(shared(operation, &[("503", "Busy")]))
}

fn content(kind: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(typed(Type::String)));
    protected(ResponseBuilder::new().description("The file.")).content(kind, content.build())
}

fn protected(response: ResponseBuilder) -> ResponseBuilder {
    let names = [
        "Cache-Control",
        "Content-Security-Policy",
        "ETag",
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

/// The headers of files and their names.
pub(crate) fn headers() -> Vec<(String, RefOr<Header>)> {
    let word = |value| always("The same for all.", one_of("A word.", &[value]));
    let tag = text("A strong tag.").pattern(Some("^\"[0-9a-f]{32}\"$"));
    let named = [
        ("Cache-Control", word("no-cache")),
        (
            "Content-Security-Policy",
            always("What the file may do.", text("As CSP 3 writes it.")),
        ),
        ("ETag", always("What the file is known by.", tag)),
        ("Referrer-Policy", word("no-referrer")),
        ("X-Content-Type-Options", word("nosniff")),
    ];
    named
        .map(|(name, header)| (name.to_owned(), header.into()))
        .into()
}
