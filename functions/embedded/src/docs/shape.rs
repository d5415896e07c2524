//! The shapes of what is sent: all that have a name, and those without one in words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::html::Html;
use super::{items, members, text};

/// Every shape that a document names, once; those with the same name are the same.
pub(super) fn all(html: &mut Html, documents: &[Value]) {
    let schemas = documents
        .iter()
        .map(|document| &document["components"]["schemas"]);
    let named: BTreeMap<_, _> = schemas.flat_map(members).collect();
    html.raw("<section>").heading(2, "shapes", "Shapes");
    for (name, schema) in named {
        html.raw("<details open><summary>")
            .heading(3, name, name)
            .raw("</summary><p>");
        html.text(text(&schema["description"])).raw("</p>");
        if schema["properties"].is_object() {
            properties(html, schema);
        } else {
            html.raw("<p>");
            kind(html, schema);
            html.raw("</p>");
        }
        for example in items(&schema["examples"]) {
            html.raw("<pre><code>")
                .escaped(&example.to_string())
                .raw("</code></pre>");
        }
        html.raw("</details>\n");
    }
    html.raw("</section>\n");
}

fn properties(html: &mut Html, schema: &Value) {
    html.table(&["Member", "What"]);
    for (name, property) in members(&schema["properties"]) {
        let required = items(&schema["required"]).any(|required| required == name);
        html.raw("<tr><td>").code(name);
        html.raw(if required { "" } else { " (optional)" })
            .raw("</td><td>");
        described(html, property);
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn described(html: &mut Html, schema: &Value) {
    html.text(text(&schema["description"])).raw(" ");
    kind(html, schema);
}

/// A schema in words; one with a name as a link.
pub(super) fn kind(html: &mut Html, schema: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        html.link(name, name);
        return;
    }
    for (keyword, word) in [("oneOf", " or "), ("allOf", " and ")] {
        for (n, item) in items(&schema[keyword]).enumerate() {
            html.raw(if n > 0 { word } else { "" });
            kind(html, item);
        }
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        one => one.as_str().into_iter().collect(),
    };
    html.escaped(&types.join(" or "));
    if schema["items"].is_object() {
        html.raw(" of ");
        kind(html, &schema["items"]);
    } else if schema["properties"].is_object() {
        inline(html, schema);
    }
    bounds(html, schema);
}

fn inline(html: &mut Html, schema: &Value) {
    for (n, (name, property)) in members(&schema["properties"]).enumerate() {
        html.raw(if n > 0 { ", " } else { " with " })
            .code(name)
            .raw(" (");
        described(html, property);
        html.raw(")");
    }
}

fn bounds(html: &mut Html, schema: &Value) {
    for (keyword, words) in [
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
        ("minimum", "at least {}"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "at most {}"),
        ("maxItems", "at most {}"),
    ] {
        if let Some(bound) = schema[keyword].as_number() {
            html.raw(", ")
                .escaped(&words.replace("{}", &bound.to_string()));
        }
    }
    if let Some(format) = schema["format"].as_str() {
        html.raw(", ").escaped(format);
    }
    for (n, value) in items(&schema["enum"]).enumerate() {
        html.raw(if n > 0 { " or " } else { ": " })
            .code(text(value));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        html.raw(", ").code(pattern);
    }
}
