//! `POST /`: events as storer takes them.

use purchase::event::Reason::{self, Malformed, TooLarge};
use purchase::event::{self, structured};
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat};
use utoipa::openapi::{ContentBuilder, Required, ResponseBuilder};

use crate::document::Route;
use crate::problems::{FINAL_REASONS, anywhere, reason_header, refusal, shared};
use crate::schemas::{EXAMPLE_ID, EXAMPLE_TIME, batch, named, one_of, text};

/// The delivery of one event or many.
pub(crate) fn deliver() -> Route {
    let operation = OperationBuilder::new()
        .tag("events")
        .operation_id(Some("deliver"))
        .summary(Some("Deliver CloudEvents"))
        .description(Some(format!(
            "An event in binary mode (the attributes as `ce-` headers, the purchase as the body), an event in the JSON format, or \
             a batch of up to {} events. A repetition is harmless. 408 and 5xx mean: deliver it again; every other refusal is final.",
            structured::BATCH_EVENTS_MAX
        )));
    let operation = attributes()
        .into_iter()
        .fold(operation, OperationBuilder::parameter);
    let operation = operation
        .request_body(Some(body().build()))
        .response(
            "204",
            ResponseBuilder::new().description("Stored durably, now or before."),
        )
        .response(
            "400",
            refused("The event, or the batch, cannot be read.", "Problem", &[Malformed]),
        )
        .response("413", refused(&too_large(), "Problem", &[TooLarge]))
        .response(
            "415",
            refused("Neither `ce-` headers nor any kind of JSON.", "Problem", &[Malformed]),
        )
        .response(
            "422",
            refused(
                "It can be read and will never be stored: invalid, of an unknown type, or in conflict with what is stored. \
                 Of a batch, what can be stored is stored.",
                "RefusedEvents",
                &FINAL_REASONS,
            ),
        );
    let answers = [("408", "BodyTooSlow"), ("503", "NotStored")];
    Route::post("/", anywhere(shared(operation, &answers)))
}

fn refused(description: &str, schema: &str, reasons: &[Reason]) -> ResponseBuilder {
    let (name, header) = reason_header(reasons);
    refusal(description, schema).header(name, header)
}

fn too_large() -> String {
    format!(
        "The body has more than {} bytes, and the connection is closed; or the batch has too many events.",
        storer::BODY_BYTES_MAX
    )
}

fn attributes() -> Vec<Parameter> {
    let attribute = |name: &str, description: String, schema: ObjectBuilder, example: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
            .example(Some(example.into()))
            .build()
    };
    let encoded = || {
        text("Percent-encoded: space, `\"`, `%` and what is not printable ASCII.")
            .pattern(Some("^([!#$&-~]|%[0-9A-F]{2})+$"))
    };
    let needed = "Needed in binary mode";
    vec![
        attribute(
            "ce-specversion",
            format!("{needed}."),
            one_of("The version of CloudEvents.", &[event::SPEC_VERSION]),
            event::SPEC_VERSION,
        ),
        attribute(
            "ce-id",
            format!("{needed}: of an event of this shop, the id of the purchase."),
            encoded(),
            EXAMPLE_ID,
        ),
        attribute(
            "ce-source",
            format!(
                "{needed}: who made the event; `{}` is this shop.",
                event::SOURCE
            ),
            encoded(),
            event::SOURCE,
        ),
        attribute(
            "ce-type",
            format!(
                "{needed}. What the KafkaSource makes of a record that is no CloudEvent, `{}`, is taken too.",
                event::RAW_TYPE
            ),
            one_of("What happened.", &[event::TYPE]),
            event::TYPE,
        ),
        attribute(
            "ce-time",
            "Stands in for a `timestamp` that is missing; one of the two is needed.".to_owned(),
            text("RFC 3339.").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
            EXAMPLE_TIME,
        ),
    ]
}

fn body() -> RequestBodyBuilder {
    let one = |schema: &str| ContentBuilder::new().schema(Some(named(schema))).build();
    let many = ContentBuilder::new().schema(Some(batch())).build();
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", one("TimedPurchase"))
        .content(structured::CONTENT_TYPE, one("CloudEvent"))
        .content(structured::BATCH_CONTENT_TYPE, many)
}
