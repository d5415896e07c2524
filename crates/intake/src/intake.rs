//! What a client asks for.

use axum::extract::{FromRequest as _, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, StatusCode};
use purchase::request::{self, Refusal, Timestamps};
use purchase::{IdempotencyKey, NewPurchase};
use serve::{Body, Problem};

/// A purchase is a few hundred bytes; the longest texts in four-byte characters, escaped, are under 20 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A purchase that somebody wants recorded, and the key under which they may repeat the request.
#[derive(Debug)]
pub struct Intake {
    pub purchase: NewPurchase,
    pub key: Option<IdempotencyKey>,
}

impl Intake {
    /// Reads JSON or an HTML form. Refuses with 415, 413, 408 or 400, each saying how to mend it.
    pub async fn read(request: Request, timestamps: Timestamps) -> Result<Self, Problem> {
        let parse = parser(request.headers())?;
        let key = idempotency_key(request.headers())?;
        let Body(body) = Body::<BODY_BYTES_MAX>::from_request(request, &()).await?;
        let purchase = parse(&body, timestamps).map_err(refused)?;
        Ok(Self { purchase, key })
    }
}

type Parser = fn(&[u8], Timestamps) -> Result<NewPurchase, Refusal>;

fn parser(headers: &HeaderMap) -> Result<Parser, Problem> {
    let accepted = "application/json or application/x-www-form-urlencoded";
    let unsupported = |found: String| {
        let sentence = format!("Send the purchase as {accepted}; the Content-Type is {found}.");
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence))
    };
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return unsupported("missing".to_owned());
    };
    let text = value.to_str().unwrap_or("not readable");
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(request::from_json),
        "application/x-www-form-urlencoded" => Ok(request::from_form),
        _ => unsupported(text.to_owned()),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let refused = |message: String| {
        let sentence = format!("The Idempotency-Key {message}");
        Problem::new(StatusCode::BAD_REQUEST, sentence).field("Idempotency-Key", message)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(refused("must be given once, but is given twice".to_owned())),
        (Some(value), None) => {
            // What is no text is no ASCII either, and refused as such.
            let text = value.to_str().unwrap_or("\u{fffd}");
            text.parse()
                .map(Some)
                .map_err(|error: purchase::id::KeyError| refused(error.to_string()))
        }
    }
}

fn refused(refusal: Refusal) -> Problem {
    let problem = Problem::new(StatusCode::BAD_REQUEST, refusal.sentence);
    refusal.fields.into_iter().fold(problem, |problem, fault| {
        problem.field(fault.field, fault.message)
    })
}
