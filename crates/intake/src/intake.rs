//! What a client asks for.

use axum::extract::{FromRequest as _, Request};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use purchase::id::KeyError;
use purchase::request::{self, Refusal, Timestamps};
use purchase::{IdempotencyKey, NewPurchase};
use serve::{Body, Problem};

/// A purchase is a few hundred bytes; the longest texts in four-byte characters, escaped, are under 20 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A purchase that somebody wants recorded, and the key under which they may repeat the request.
#[derive(Debug)]
pub struct Intake {
    pub purchase: NewPurchase,
    pub key: Option<IdempotencyKey>,
}

impl Intake {
    /// Reads JSON or an HTML form. Refuses with 415, 413, 408 or 400, each saying how to mend it.
    pub async fn read(request: Request, timestamps: Timestamps) -> Result<Self, Problem> {
        uncompressed(request.headers())?;
        let encoding = Encoding::of(request.headers())?;
        let key = idempotency_key(request.headers())?;
        let Body(body) = Body::<BODY_BYTES_MAX>::from_request(request, &()).await?;
        let purchase = encoding.read(&body, timestamps)?;
        Ok(Self { purchase, key })
    }
}

/// Compressed bodies are not read: a purchase is too small to gain from it.
fn uncompressed(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(CONTENT_ENCODING) {
        Some(coding) if coding != "identity" => {
            let sentence = "Send the purchase uncompressed, without Content-Encoding.";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence)
                .header(ACCEPT_ENCODING, HeaderValue::from_static("identity")))
        }
        _ => Ok(()),
    }
}

/// The two ways in which a client can write a purchase.
#[derive(Clone, Copy)]
enum Encoding {
    Json,
    Form,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let value = headers
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or_default());
        let mut parts = value.unwrap_or_default().split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let utf8 = parts.all(is_utf8);
        if utf8 && essence.eq_ignore_ascii_case(JSON) {
            Ok(Self::Json)
        } else if utf8 && essence.eq_ignore_ascii_case(FORM) {
            Ok(Self::Form)
        } else {
            let found = value.map_or("missing".to_owned(), |value| format!("`{value}`"));
            let sentence = format!(
                "Send the purchase in UTF-8 with Content-Type: {JSON} or {FORM}; this Content-Type is {found}."
            );
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence))
        }
    }

    fn read(self, body: &[u8], timestamps: Timestamps) -> Result<NewPurchase, Problem> {
        let (read, name) = match self {
            Self::Json => (request::from_json(body, timestamps), "JSON purchase"),
            Self::Form if begins_like_json(body) => {
                return Err(bad_request(format!(
                    "The body is JSON, but its Content-Type says that it is a form. Send it with \
                     Content-Type: {JSON}."
                )));
            }
            Self::Form => (request::from_form(body, timestamps), "form"),
        };
        read.map_err(|refusal| match refusal {
            Refusal::Unreadable(_) if matches!(self, Self::Json) && begins_like_a_form(body) => {
                bad_request(format!(
                    "The body is a form, but its Content-Type says that it is JSON. Send it with \
                     Content-Type: {FORM}."
                ))
            }
            Refusal::Unreadable(error) => {
                bad_request(format!("The body is not a valid {name}: {error}."))
            }
            Refusal::Invalid { sentence, fields } => fields
                .into_iter()
                .fold(bad_request(sentence), |problem, fault| {
                    problem.field(fault.field, fault.message)
                }),
        })
    }
}

/// Whether a parameter of a content type leaves the text UTF-8.
fn is_utf8(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.trim_matches('"');
    !name.eq_ignore_ascii_case("charset")
        || value.eq_ignore_ascii_case("utf-8")
        || value.eq_ignore_ascii_case("us-ascii")
}

/// What `curl -d '{…}'` sends unless told otherwise.
fn begins_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn begins_like_a_form(body: &[u8]) -> bool {
    ["username=", "userid=", "item=", "price="]
        .iter()
        .any(|name| body.starts_with(name.as_bytes()))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let refused = |message: String| {
        bad_request(format!("The Idempotency-Key {message}.")).field("Idempotency-Key", message)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(refused("must be given once, but is given twice".to_owned())),
        (Some(value), None) => {
            // What is no text is no ASCII either.
            let text = value
                .to_str()
                .map_err(|_| refused(KeyError::NotAscii.to_string()))?;
            text.parse()
                .map(Some)
                .map_err(|error: KeyError| refused(error.to_string()))
        }
    }
}

fn bad_request(sentence: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, sentence)
}
