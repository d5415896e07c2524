//! Lists of what was bought.

use query::{CONTAINS_MAX, EVERYONE_LIMIT, LIMIT_MAX, TAGGED_LIMIT, WAIT_MAX};
use serde_json::Value;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required, ResponseBuilder, Schema};

use crate::document::Route;
use crate::problems::{Road, anywhere, refusal, shared, sometimes};
use crate::schemas::{ID, named, one_of, text, typed};

/// What somebody bought.
pub(crate) fn listed(path: &str, id: &str, road: Road) -> Route {
    let operation = of_a_user(id, "What somebody bought");
    let operation = match road {
        Road::Direct => operation,
        Road::Forwarded => shared(
            operation,
            &[("408", "Stalled"), ("502", "Unreachable"), ("504", "Late")],
        ),
    };
    Route::get(path, operation)
}

/// The same under the address that other functions ask.
pub(crate) fn neighbours() -> Route {
    let operation = of_a_user(
        "listForFunctions",
        "What somebody bought, for other functions",
    );
    Route::get("/purchases/{userid}", operation)
}

/// What everyone bought.
pub(crate) fn everyone() -> Route {
    let description = format!(
        "Newest first; the newest {EVERYONE_LIMIT}, unless another `limit` is asked for. For other functions, not for the public."
    );
    let operation = OperationBuilder::new()
        .operation_id(Some("listEveryone"))
        .summary(Some("What everyone bought"))
        .description(Some(description));
    Route::get("/purchases", listing(operation, paging(purchases())))
}

fn of_a_user(id: &str, summary: &str) -> OperationBuilder {
    let sums_too = OneOfBuilder::new().item(purchases()).item(named("Summary"));
    let response = paging(sums_too)
        .header(
            "Contains",
            sometimes(
                "If `contains` was asked: whether all of them are in the list.",
                one_of("Whether.", &["true", "false"]),
            ),
        )
        .header(
            "Preference-Applied",
            sometimes(
                "The wait that was granted.",
                text("As in `Prefer`.").pattern(Some("^wait=([0-9]|10)$")),
            ),
        );
    let operation = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .description(Some(
            "Newest first, by timestamp and then id. The whole list, unless a `limit` is asked for; a list that ends is complete. \
             The list of somebody unknown is empty.",
        ))
        .parameter(userid());
    let operation = listing(operation, response)
        .parameter(contains())
        .parameter(prefer())
        .parameter(sums());
    shared(operation, &[("404", "UserMissing")])
}

fn listing(operation: OperationBuilder, response: ResponseBuilder) -> OperationBuilder {
    let operation = operation
        .tag("lists")
        .parameter(limit())
        .parameter(cursor())
        .parameter(known())
        .response("200", response.build())
        .response("304", tagged("The client has it."))
        .response(
            "400",
            refusal(
                "A parameter is wrong, or the user id is not UTF-8.",
                "Problem",
            ),
        );
    anywhere(shared(operation, &[("503", "Unavailable")]))
}

fn paging(json: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    let link = text("The next page.")
        .pattern(Some(r#"^<\?cursor=[0-9a-f~-]+&limit=[0-9]+>; rel="next"$"#));
    let written = |how| ContentBuilder::new().schema(Some(text(how))).build();
    tagged("The list, in the form that `Accept` prefers.")
        .header(
            "Link",
            sometimes(
                "If there is more: where it goes on, as RFC 8288 writes it.",
                link,
            ),
        )
        .header(
            "Content-Disposition",
            sometimes("Of CSV: what to save it as.", text("A file name.")),
        )
        .content(
            "application/json",
            ContentBuilder::new().schema(Some(json)).build(),
        )
        .content("application/x-ndjson", written("A purchase per line."))
        .content(
            "text/csv",
            written(
                "RFC 4180, with a head. Before cells that begin with `=`, `+`, `-` or `@` stands an apostrophe, so that no \
                 spreadsheet calculates them.",
            ),
        )
}

fn tagged(description: &str) -> ResponseBuilder {
    let tag = text("A strong tag.").pattern(Some("^\"[0-9a-f]{32}\"$"));
    let accept = one_of("A word.", &["accept"]);
    ResponseBuilder::new()
        .description(description)
        .header(
            "ETag",
            sometimes(
                &format!("Of pages of at most {TAGGED_LIMIT}, without `contains`."),
                tag,
            ),
        )
        .header("Vary", sometimes("What the form depends on.", accept))
}

fn purchases() -> ArrayBuilder {
    ArrayBuilder::new().items(named("Purchase"))
}

fn userid() -> Parameter {
    ParameterBuilder::new()
        .name("userid")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("Whose list, percent-encoded: `a/b` is `a%2Fb`."))
        .schema(Some(text("A user id.").min_length(Some(1))))
        .example(Some("ada".into()))
        .build()
}

fn limit() -> Parameter {
    let schema = typed(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(LIMIT_MAX));
    asked("limit", "At most so many.", schema, 20.into())
}

fn cursor() -> Parameter {
    // Milliseconds since 1970 and an id.
    let (_, id) = ID.split_at(1);
    let schema = text("Opaque.").pattern(Some(format!("^-?[0-9]{{1,15}}~{id}")));
    asked(
        "cursor",
        "Where to go on: taken unchanged from the `Link` of the page before.",
        schema,
        "1769860800000~01936f2e-8a3c-7b41-9c55-1f0e6d2a7b10".into(),
    )
}

fn asked(name: &str, description: &str, schema: ObjectBuilder, example: Value) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example))
        .build()
}

fn known() -> Parameter {
    ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The `ETag` of the page that the client has."))
        .schema(Some(text("As RFC 9110 writes it.")))
        .build()
}

fn contains() -> Parameter {
    let ids = ArrayBuilder::new()
        .items(named("PurchaseId"))
        .max_items(Some(CONTAINS_MAX));
    ParameterBuilder::new()
        .name("contains")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(
            "Purchases to wait for, as long as `Prefer` says; once for each. The answer says in `Contains` whether they are in the list.",
        ))
        .schema(Some(ids))
        .explode(Some(true))
        .build()
}

fn sums() -> Parameter {
    let description = "The sums of the whole list instead of it, as JSON; `limit` and `cursor` mean nothing then.";
    asked("summary", description, typed(Type::Boolean), true.into())
}

fn prefer() -> Parameter {
    ParameterBuilder::new()
        .name("Prefer")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(format!(
            "`wait=` and a number of seconds, at most {}; other preferences are ignored.",
            WAIT_MAX.as_secs()
        )))
        .schema(Some(text("As RFC 7240 writes it.")))
        .example(Some("wait=10".into()))
        .build()
}
