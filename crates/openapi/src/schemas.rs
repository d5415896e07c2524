//! What a purchase looks like, as it is asked for, sent in an event, and listed.
//!
//! JSON Schema cannot say all of the rules: not those of white space around a text, nor those of a price's digits. What it can say
//! is said exactly, and the rest in words.

use purchase::price::{DECIMALS_MAX, INTEGER_DIGITS_MAX, SIGNIFICANT_DIGITS_MAX};
use purchase::{Item, Summary, UserId, Username, event};
use serde_json::{Value, json};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat,
    SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

/// No control character (Unicode category Cc).
const PLAIN: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// The same, and not blank: one character at least is no white space (Unicode property White_Space).
const NOT_BLANK: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$";
/// The same, and neither `.` nor `..`.
const NO_DOTS: &str = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$";
const NUMBER: &str = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$";

/// A UUID, or the ObjectId of a purchase that an earlier service stored.
pub(crate) const ID: &str =
    "^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{24})$";
pub(crate) const EXAMPLE_ID: &str = "01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10";
pub(crate) const EXAMPLE_TIME: &str = "2026-01-31T12:00:00.000Z";

/// Every schema and its name.
pub(crate) fn all() -> Vec<(String, RefOr<Schema>)> {
    let named: [(&str, RefOr<Schema>); 10] = [
        ("Purchase", purchase().into()),
        ("PurchaseId", id().into()),
        ("Recorded", recorded().into()),
        ("NewPurchase", new_purchase().into()),
        ("TimedPurchase", timed_purchase().into()),
        ("Price", price().into()),
        ("CloudEvent", cloud_event().into()),
        ("Summary", summary().into()),
        ("Health", health().into()),
        ("Readiness", readiness().into()),
    ];
    named.map(|(name, schema)| (name.to_owned(), schema)).into()
}

pub(crate) fn named(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

pub(crate) fn text(description: &str) -> ObjectBuilder {
    typed(Type::String).description(Some(description))
}

pub(crate) fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

/// One of a closed set of texts.
pub(crate) fn one_of(description: &str, values: &[&str]) -> ObjectBuilder {
    text(description).enum_values(Some(values.iter().copied()))
}

fn purchase() -> ObjectBuilder {
    typed(Type::Object)
        .description(Some(
            "A purchase. What an earlier service stored is listed as it was, longer texts and other prices included.",
        ))
        .property("id", named("PurchaseId"))
        .property("username", text("The name the buyer goes by."))
        .property("userid", text("Whose list it is on."))
        .property("item", text("What was bought; absent if that was not said."))
        .property("price", typed(Type::Number).description(Some("An exact decimal, never rounded.")))
        .property("timestamp", listed_time())
        .required("id")
        .required("username")
        .required("userid")
        .required("price")
        .required("timestamp")
        .examples([example(&[("id", json!(EXAMPLE_ID)), ("timestamp", json!(EXAMPLE_TIME))])])
}

fn listed_time() -> ObjectBuilder {
    text("When it was made: UTC, with exactly three decimals.")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .pattern(Some(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        ))
}

fn id() -> ObjectBuilder {
    text("A UUID in lower case; of what an earlier service stored, an ObjectId.").pattern(Some(ID))
}

fn recorded() -> ObjectBuilder {
    typed(Type::Object)
        .property(
            "message",
            one_of("The same for all.", &["Purchase recorded"]),
        )
        .property("purchase", named("Purchase"))
        .required("message")
        .required("purchase")
}

fn new_purchase() -> ObjectBuilder {
    typed(Type::Object)
        .description(Some(
            "What somebody buys. White space around a text is dropped before it is measured; in a form, every value is text.",
        ))
        .property(
            "username",
            text("The name the buyer goes by; not blank, no control characters.")
                .min_length(Some(1))
                .max_length(Some(Username::MAX))
                .pattern(Some(NOT_BLANK)),
        )
        .property(
            "userid",
            text("Whose list it goes on, compared byte for byte; not blank, no control characters, neither `.` nor `..`.")
                .min_length(Some(1))
                .max_length(Some(UserId::MAX))
                .pattern(Some(NO_DOTS)),
        )
        .property(
            "item",
            text("What is bought; no control characters. Blank and `null` are the same as absent.")
                .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
                .max_length(Some(Item::MAX))
                .pattern(Some(PLAIN)),
        )
        .property("price", named("Price"))
        .required("username")
        .required("userid")
        .required("price")
        .examples([
            example(&[]),
            json!({"username": "Ada", "userid": "ada", "price": "0.1"}),
        ])
}

/// The same with its own time.
fn timed_purchase() -> ObjectBuilder {
    new_purchase()
        .description(Some("A purchase that was made before, or is made now."))
        .property(
            "timestamp",
            text("When it was made, with any offset; in the years 0000 to 9999; digits below the millisecond are cut off. Absent or `null`: now, or the event's `time`.")
                .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        )
        .examples([example(&[("timestamp", json!(EXAMPLE_TIME))])])
}

fn price() -> OneOfBuilder {
    let most = 10_u64.pow(INTEGER_DIGITS_MAX.unsigned_abs()) - 1;
    let number = typed(Type::Number)
        .exclusive_minimum(Some(0))
        .maximum(Some(most));
    let digits = text("The same number as text.").pattern(Some(NUMBER));
    OneOfBuilder::new()
        .description(Some(format!(
            "An exact decimal above zero: at most {most}, with at most {SIGNIFICANT_DIGITS_MAX} significant digits and \
             {DECIMALS_MAX} decimals. No currency."
        )))
        .item(number)
        .item(digits)
}

/// With its purchase as JSON, or in base64.
fn cloud_event() -> OneOfBuilder {
    let json = event_with("data", named("TimedPurchase"));
    let base64 = event_with(
        "data_base64",
        text("A purchase as JSON.").content_encoding("base64"),
    );
    OneOfBuilder::new()
        .description(Some(format!(
            "A CloudEvent in the JSON format, with `data` as JSON or in `data_base64`. What the KafkaSource makes of a record \
             that is no CloudEvent, type `{}`, is taken too.",
            event::RAW_TYPE
        )))
        .item(json)
        .item(base64)
        .examples([json!({
            "specversion": event::SPEC_VERSION,
            "id": EXAMPLE_ID,
            "source": event::SOURCE,
            "type": event::TYPE,
            "time": EXAMPLE_TIME,
            "datacontenttype": "application/json",
            "data": example(&[("timestamp", json!(EXAMPLE_TIME))]),
        })])
}

fn event_with(data: &str, schema: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    let extension = SchemaType::Array(vec![Type::String, Type::Number, Type::Boolean, Type::Null]);
    typed(Type::Object)
        .property("specversion", one_of("The version of CloudEvents.", &[event::SPEC_VERSION]))
        .property(
            "id",
            text("Of an event of this shop the id of the purchase; else, with `source`, what the id is computed from.")
                .min_length(Some(1)),
        )
        .property("source", text("Who made the event.").min_length(Some(1)))
        .property("type", one_of("What happened.", &[event::TYPE]))
        .property(
            "time",
            text("When it happened; stands in for a `timestamp` that is missing, and one of the two is needed.")
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        )
        .property("datacontenttype", text("What the data is."))
        .property(data, schema)
        .required("specversion")
        .required("id")
        .required("source")
        .required("type")
        .required(data)
        .additional_properties(Some(AdditionalProperties::from(RefOr::T(Schema::Object(
            typed(Type::String).schema_type(extension).build(),
        )))))
}

/// Many of them.
pub(crate) fn batch() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(named("CloudEvent"))
        .max_items(Some(event::structured::BATCH_EVENTS_MAX))
}

fn summary() -> ObjectBuilder {
    let part = |name: &str, schema: ObjectBuilder| sum().property(name, schema);
    let parts = |part: ObjectBuilder, description: &str| {
        ArrayBuilder::new()
            .items(part)
            .max_items(Some(Summary::PARTS_MAX))
            .description(Some(description))
    };
    let item = text("What was bought; absent if that was not said.");
    let day = text("In UTC.").format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    let by_item = parts(
        part("item", item),
        "The items with the largest totals, those first.",
    );
    let by_day = parts(
        part("day", day).required("day"),
        "The newest days, in the order of time.",
    );
    sum()
        .description(Some("A list in exact sums."))
        .property("byItem", by_item)
        .property("byDay", by_day)
        .required("byItem")
        .required("byDay")
        .examples([json!({
            "count": 2,
            "total": 12.6,
            "byItem": [{"item": "tea", "count": 1, "total": 12.5}, {"count": 1, "total": 0.1}],
            "byDay": [{"day": "2026-01-31", "count": 2, "total": 12.6}],
        })])
}

fn sum() -> ObjectBuilder {
    typed(Type::Object)
        .property(
            "count",
            typed(Type::Integer)
                .minimum(Some(0))
                .description(Some("Purchases.")),
        )
        .property(
            "total",
            typed(Type::Number).description(Some("Their prices together, never rounded.")),
        )
        .required("count")
        .required("total")
}

fn health() -> ObjectBuilder {
    typed(Type::Object)
        .property("status", one_of("The same for all.", &["ok"]))
        .required("status")
}

fn readiness() -> ObjectBuilder {
    let missing = ArrayBuilder::new()
        .items(text("What, and why."))
        .description(Some("What the function needs and does not have."));
    typed(Type::Object)
        .property("ready", typed(Type::Boolean))
        .property("missing", missing)
        .required("ready")
        .required("missing")
}

/// A purchase with more members.
fn example(more: &[(&str, Value)]) -> Value {
    let mut purchase = json!({"username": "Ada", "userid": "ada", "item": "tea", "price": 12.5});
    for (name, value) in more {
        purchase[*name] = value.clone();
    }
    purchase
}
