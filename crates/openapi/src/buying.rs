//! `POST /buy`, and `POST /purchases`, which takes the same past the log.

use purchase::IdempotencyKey;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{ContentBuilder, Required, Response, ResponseBuilder};

use crate::document::Route;
use crate::problems::{Road, always, anywhere, refusal, shared, sometimes};
use crate::schemas::{named, text};

const FORM: &str = "application/x-www-form-urlencoded";

/// Buying; `list` is the operation that lists, for whoever follows links.
pub(crate) fn buy(path: &str, id: &str, list: &str, road: Road) -> Route {
    let operation = taking("NewPurchase", Some(list))
        .operation_id(Some(id))
        .summary(Some("Buy"))
        .description(Some(
            "Answers 201 only when the log has the purchase durably. Send an `Idempotency-Key` and repeat the request with it until \
             there is an answer: it is bought once. The key never expires, and with other content it is another purchase.",
        ));
    let operation = match road {
        Road::Direct => shared(operation, &[("408", "BodyTooSlow")]),
        Road::Forwarded => shared(
            operation,
            &[
                ("408", "PurchaseStalled"),
                ("502", "PurchaseUnreachable"),
                ("504", "PurchaseLate"),
            ],
        ),
    };
    Route::post(path, operation)
}

/// Recording past the log.
pub(crate) fn record(list: Option<&str>) -> Route {
    let operation = taking("TimedPurchase", list)
        .operation_id(Some("record"))
        .summary(Some("Record a purchase directly"))
        .description(Some(
            "Into the store and past the log, so reading the log again does not bring it back. A repetition with the same \
             `Idempotency-Key` is answered with the first one's time.",
        ))
        .response(
            "422",
            refusal("The purchase's id is taken by another one, which stands.", "Problem"),
        );
    Route::post("/purchases", shared(operation, &[("408", "BodyTooSlow")]))
}

fn taking(schema: &str, list: Option<&str>) -> OperationBuilder {
    let operation = OperationBuilder::new()
        .tag("purchases")
        .parameter(idempotency_key())
        .request_body(Some(body(schema)))
        .response("201", recorded(list))
        .response(
            "400",
            refusal(
                "The purchase cannot be read, fields of it are missing or wrong, or the `Idempotency-Key` is.",
                "Problem",
            ),
        )
        .response("413", refusal(&too_large(), "Problem"))
        .response("415", wrong_type());
    anywhere(shared(operation, &[("503", "NotConfirmed")]))
}

fn too_large() -> String {
    format!(
        "The body has more than {} bytes. The connection is closed.",
        intake::BODY_BYTES_MAX
    )
}

fn wrong_type() -> Response {
    refusal(
        "The body is neither JSON nor a form, not in UTF-8, or compressed.",
        "Problem",
    )
    .header(
        "Accept-Encoding",
        sometimes(
            "What is taken instead of a compressed body.",
            text("A coding."),
        ),
    )
    .build()
}

/// Bare or quoted; in quotes, `"` and `\` have a `\` before them.
fn idempotency_key() -> Parameter {
    let max = IdempotencyKey::MAX;
    let pattern = format!(
        r#"^([!#-~]([ -~]{{0,{}}}[!-~])?|"([ !#-\[\]-~]|\\["\\]){{1,{max}}}")$"#,
        max - 2
    );
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(format!(
            "Makes a repetition harmless: at most {max} printable ASCII characters, bare or as a quoted string."
        )))
        .schema(Some(text("A key.").pattern(Some(pattern))))
        .example(Some("8e03978e-40d5-43dd-bc93-6894a57f9324".into()))
        .build()
}

fn body(schema: &str) -> RequestBody {
    let content = || ContentBuilder::new().schema(Some(named(schema))).build();
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", content())
        .content(FORM, content())
        .build()
}

fn recorded(list: Option<&str>) -> Response {
    let location = text("An address.").pattern(Some("^/getAllUserBuys/[A-Za-z0-9._~%-]+$"));
    let content = ContentBuilder::new().schema(Some(named("Recorded")));
    let response = ResponseBuilder::new()
        .description("The purchase is recorded.")
        .header("Location", always("The list that it is on.", location))
        .header(
            "Server-Timing",
            sometimes(
                "Of buy: how many milliseconds it took to read the request and to append to the log.",
                text("As the W3C writes it."),
            ),
        )
        .content("application/json", content.build());
    let response = list.into_iter().fold(response, |response, list| {
        let link = Link::builder()
            .operation_id(list)
            .parameter("userid", "$response.body#/purchase/userid")
            .description("The list that it is on.");
        response.link("list", link.build())
    });
    response.build()
}
