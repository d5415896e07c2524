//! `GET /docs`: what every function answers, for people, made of the documents for machines.
//!
//! Plain HTML without scripts. It shows what the documents say and knows nothing else.

mod html;
mod operation;
mod shape;

use std::sync::LazyLock;

use axum::Router;
use frontend::page::{CSS, HTML, file};
use serde_json::Value;

use crate::docs::html::Html;

/// Of the ports that there are here.
const DOCUMENTS: [&str; 4] = [
    crate::OPENAPI,
    buy::OPENAPI,
    storer::OPENAPI,
    query::OPENAPI,
];

static PAGE: LazyLock<String> = LazyLock::new(|| {
    // Part of the program and always JSON; a test sees to it that nothing of them is missing here.
    page(&DOCUMENTS.map(|text| serde_json::from_str(text).unwrap_or_default()))
});

/// The page and its style.
pub fn routes() -> Router {
    Router::new()
        .route("/docs", file(HTML, &PAGE))
        .route("/docs.css", file(CSS, include_str!("docs.css")))
}

fn page(documents: &[Value]) -> String {
    let mut html = Html::default();
    html.raw(include_str!("head.html"));
    html.raw("<nav aria-label=\"Functions\"><ul>");
    for document in documents {
        let name = name_of(document);
        html.raw("<li>").link(name, name).raw("</li>");
    }
    html.raw("</ul></nav></header>\n<main>\n");
    for document in documents {
        function(&mut html, document);
    }
    shape::all(&mut html, documents);
    html.raw("</main>\n</body>\n</html>\n");
    html.0
}

/// One function: what it is, and its operations.
fn function(html: &mut Html, document: &Value) {
    let name = name_of(document);
    html.raw("<section>").heading(2, name, name);
    for paragraph in text(&document["info"]["description"]).split("\n\n") {
        html.raw("<p>").text(paragraph).raw("</p>");
    }
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            operation::write(html, document, path, method, operation);
        }
    }
    html.raw("</section>\n");
}

/// The last word of the title.
fn name_of(document: &Value) -> &str {
    let title = text(&document["info"]["title"]);
    title.rsplit(": ").next().unwrap_or(title)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_names_every_route_status_and_shape() {
        for text in DOCUMENTS {
            let document: Value = serde_json::from_str(text).unwrap();
            let mut html = Html::default();
            function(&mut html, &document);
            let mut shown = html.0.split("<details>").skip(1);
            for (path, methods) in members(&document["paths"]) {
                for (method, operation) in members(methods) {
                    let shown = shown.next().unwrap();
                    let title = format!("<code>{} {path}</code>", method.to_uppercase());
                    assert!(shown.contains(&title), "{title}: {shown}");
                    for (status, _) in members(&operation["responses"]) {
                        assert!(shown.contains(&format!("<td>{status}</td>")), "{status}");
                    }
                }
            }
            for (name, _) in members(&document["components"]["schemas"]) {
                assert!(PAGE.contains(&format!("id=\"{name}\"")), "{name}");
            }
        }
    }

    #[test]
    fn page_has_no_script_and_no_raw_reference() {
        for forbidden in ["<script", "style=", "#/components", "http://", "https://"] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn every_link_leads_somewhere() {
        for target in PAGE.split("href=\"#").skip(1) {
            let (target, _) = target.split_once('"').unwrap();
            let count = PAGE.matches(&format!("id=\"{target}\"")).count();
            assert_eq!(count, 1, "{target}");
        }
    }

    #[test]
    fn what_a_document_says_is_text() {
        let document = serde_json::json!({
            "info": {"title": "x: <b>", "description": "`a<b` & \"c\""},
        });
        let page = page(&[document]);
        assert!(page.contains("<code>a&lt;b</code> &amp; &quot;c&quot;"));
        assert!(!page.contains("<b>"));
    }
}
