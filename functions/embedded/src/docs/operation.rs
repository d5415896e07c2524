//! One operation: what it takes and what it answers.

use serde_json::Value;

use super::html::Html;
use super::{items, members, shape, text};

/// Folded, under its method and path.
pub(super) fn write(
    html: &mut Html,
    document: &Value,
    path: &str,
    method: &str,
    operation: &Value,
) {
    html.raw("<details><summary>");
    html.code(&format!("{} {path}", method.to_uppercase()));
    html.text(text(&operation["summary"])).raw("</summary>");
    if let Some(description) = operation["description"].as_str() {
        html.raw("<p>").text(description).raw("</p>");
    }
    parameters(html, operation);
    body(html, operation);
    answers(html, document, operation);
    html.raw("</details>\n");
}

fn parameters(html: &mut Html, operation: &Value) {
    if items(&operation["parameters"]).next().is_none() {
        return;
    }
    html.raw("<h4>Parameters</h4>")
        .table(&["Name", "In", "What"]);
    for parameter in items(&operation["parameters"]) {
        let required = parameter["required"].as_bool() == Some(true);
        html.raw("<tr><td>").code(text(&parameter["name"]));
        html.raw(if required { "" } else { " (optional)" })
            .raw("</td><td>");
        html.escaped(text(&parameter["in"])).raw("</td><td>");
        html.text(text(&parameter["description"])).raw(" (");
        shape::kind(html, &parameter["schema"]);
        html.raw(")</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn body(html: &mut Html, operation: &Value) {
    let content = &operation["requestBody"]["content"];
    if members(content).next().is_none() {
        return;
    }
    html.raw("<h4>Body</h4>").table(&["Content type", "Shape"]);
    for (media_type, content) in members(content) {
        html.raw("<tr><td>").code(media_type).raw("</td><td>");
        shape::kind(html, &content["schema"]);
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn answers(html: &mut Html, document: &Value, operation: &Value) {
    html.raw("<h4>Answers</h4>")
        .table(&["Status", "When", "Body", "Headers"]);
    for (status, answer) in members(&operation["responses"]) {
        let answer = resolved(document, answer);
        html.raw("<tr><td>").escaped(status).raw("</td><td>");
        html.text(text(&answer["description"])).raw("</td><td>");
        for (media_type, content) in members(&answer["content"]) {
            html.raw("<p>");
            shape::kind(html, &content["schema"]);
            html.raw(" as ").code(media_type).raw("</p>");
        }
        html.raw("</td><td>");
        for (name, header) in members(&answer["headers"]) {
            html.raw("<p>").code(name).raw(" ");
            let header = resolved(document, header);
            html.text(text(&header["description"])).raw("</p>");
        }
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

/// What a reference stands for; anything else stands for itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str();
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    let target = pointer.and_then(|pointer| document.pointer(pointer));
    target.unwrap_or(value)
}
