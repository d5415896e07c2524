//! How a request fails: the shapes of problems, and the answers that many operations share.

use delivery::REASON_HEADER;
use purchase::event::Reason;
use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};

use crate::schemas::{named, one_of, text, typed};

/// Whether a function answers by itself or by asking another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    Direct,
    Forwarded,
}

/// The shapes of problems and their names.
pub(crate) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let named: [(&str, RefOr<Schema>); 3] = [
        ("Problem", problem().into()),
        ("UnconfirmedPurchase", unconfirmed().into()),
        ("RefusedEvents", refused_events().into()),
    ];
    named.map(|(name, schema)| (name.to_owned(), schema)).into()
}

fn problem() -> ObjectBuilder {
    let field = typed(Type::Object)
        .property("field", text("A member, a parameter or a header."))
        .property("message", text("Reads on from its name."))
        .required("field")
        .required("message");
    let errors = ArrayBuilder::new().items(field).description(Some(
        "All that is wrong with single fields; absent if it is nothing.",
    ));
    bare_problem()
        .description(Some("A problem of RFC 9457."))
        .property("errors", errors)
        .examples([json!({
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "error": "Missing required fields: username, userid, price",
            "errors": [{"field": "price", "message": "is required and must not be blank"}],
        })])
}

fn bare_problem() -> ObjectBuilder {
    typed(Type::Object)
        .property("type", one_of("The same for all.", &["about:blank"]))
        .property("title", text("The status in words."))
        .property(
            "status",
            typed(Type::Integer).minimum(Some(400)).maximum(Some(599)),
        )
        .property("error", text("A sentence: what is wrong and how to go on."))
        .required("type")
        .required("title")
        .required("status")
        .required("error")
}

fn unconfirmed() -> AllOfBuilder {
    let known = typed(Type::Object)
        .property("id", named("PurchaseId"))
        .property(
            "recorded",
            one_of(
                "`no`: it is not recorded and will not be. `unknown`: it may be; repeating it with the same `Idempotency-Key` is safe.",
                &["no", "unknown"],
            ),
        )
        .required("recorded");
    AllOfBuilder::new()
        .description(Some(
            "A purchase that nobody confirmed; with its `id`, if it got one.",
        ))
        .item(named("Problem"))
        .item(known)
}

fn refused_events() -> ObjectBuilder {
    let event = typed(Type::Object)
        .property(
            "index",
            typed(Type::Integer)
                .minimum(Some(0))
                .description(Some("Its place in the batch, from 0.")),
        )
        .property("id", text("Its id, empty if it has none."))
        .property("reason", reason(&FINAL_REASONS))
        .property("message", text("What is wrong."))
        .required("index")
        .required("id")
        .required("reason")
        .required("message");
    let errors = ArrayBuilder::new().items(event).description(Some(
        "Of a batch: the events that cannot be stored. The others are stored.",
    ));
    bare_problem()
        .description(Some("Events that will never be stored."))
        .property("errors", errors)
}

/// Why an event that can be read will never be stored, and why one of a batch will not.
pub(crate) const FINAL_REASONS: [Reason; 4] = [
    Reason::Malformed,
    Reason::UnknownType,
    Reason::Invalid,
    Reason::Conflict,
];

fn reason(reasons: &[Reason]) -> ObjectBuilder {
    let texts: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    one_of("Why.", &texts)
}

/// `Kne-Reason`, which the KafkaSource puts into the dead letter.
pub(crate) fn reason_header(reasons: &[Reason]) -> (&'static str, Header) {
    let description =
        "Why; of a batch, why the first of them. The KafkaSource keeps it with the dead letter.";
    (REASON_HEADER, always(description, reason(reasons)))
}

/// A header that the answer always has.
pub(crate) fn always(description: &str, schema: ObjectBuilder) -> Header {
    // utoipa has no word for it, and writes extensions as they are.
    HeaderBuilder::from(sometimes(description, schema))
        .extensions(Some(Extensions::from_iter([("required", true)])))
        .build()
}

/// A header that the answer may have.
pub(crate) fn sometimes(description: &str, schema: ObjectBuilder) -> Header {
    HeaderBuilder::new()
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

const RETRY_AFTER: &str = "Retry-After";
const AFTER: &str = "Seconds after which to try again.";

fn seconds() -> ObjectBuilder {
    typed(Type::Integer).minimum(Some(1))
}

/// An answer that is a problem of this shape.
pub(crate) fn refusal(description: &str, schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(named(schema))).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
}

fn passing(description: &str, schema: &str) -> ResponseBuilder {
    refusal(description, schema).header(RETRY_AFTER, always(AFTER, seconds()))
}

/// The shared answers and their names.
pub(crate) fn responses() -> Vec<(String, RefOr<Response>)> {
    let named = [
        ("UserMissing", refusal("The user id is empty.", "Problem")),
        (
            "BodyTooSlow",
            refusal("The body did not arrive in time. The connection is closed.", "Problem"),
        ),
        ("AddressTooLong", refusal("The address is too long.", "Problem")),
        (
            "HeadTooLarge",
            ResponseBuilder::new().description(
                "The head of the request has too many bytes or headers. There is no body, and the connection is closed.",
            ),
        ),
        ("Failed", refusal("Something went wrong here.", "Problem")),
        (
            "Busy",
            passing("Too many requests at the same time.", "Problem"),
        ),
        (
            "Unavailable",
            passing("The store cannot be read, or there are too many requests at the same time.", "Problem"),
        ),
        (
            "NotConfirmed",
            passing(
                "Log or store did not confirm the purchase, or there are too many requests at the same time.",
                "UnconfirmedPurchase",
            ),
        ),
        (
            "NotStored",
            passing("The store did not confirm, or there are too many requests at the same time.", "Problem"),
        ),
        ("Stalled", passing("The request stopped arriving.", "Problem")),
        ("Unreachable", passing("The function behind this one cannot be reached.", "Problem")),
        ("Late", passing("The function behind this one did not answer in time.", "Problem")),
        (
            "PurchaseStalled",
            refusal("The request stopped arriving, so nothing is recorded. The connection is closed.", "Problem")
                .header(RETRY_AFTER, sometimes(AFTER, seconds())),
        ),
        (
            "PurchaseUnreachable",
            passing("The function behind this one cannot be reached, or broke off.", "UnconfirmedPurchase"),
        ),
        (
            "PurchaseLate",
            passing("The function behind this one did not answer in time.", "UnconfirmedPurchase"),
        ),
    ];
    named
        .map(|(name, response)| (name.to_owned(), response.into()))
        .into()
}

/// What any route may answer.
pub(crate) fn anywhere(operation: OperationBuilder) -> OperationBuilder {
    shared(
        operation,
        &[
            ("414", "AddressTooLong"),
            ("431", "HeadTooLarge"),
            ("500", "Failed"),
        ],
    )
}

/// Answers by their names.
pub(crate) fn shared(operation: OperationBuilder, answers: &[(&str, &str)]) -> OperationBuilder {
    answers.iter().fold(operation, |operation, (status, name)| {
        operation.response(*status, Ref::from_response_name(*name))
    })
}
