//! What the two public routes answer, asked as any client asks them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serve::TraceParent;
use uuid::Uuid;

use crate::hand_over;
use crate::plain::{Form, Upstreams};

/// As many as the page with scripts shows at first.
pub(super) const NEWEST: usize = 50;
/// Of that many purchases with the longest texts, all of it escaped.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How long a list waits for what was just bought: no longer than somebody waits for a page.
const WAIT: HeaderValue = HeaderValue::from_static("wait=2");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const CONTAINS: HeaderName = HeaderName::from_static("contains");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const UNREADABLE: &str = "The answer cannot be read. Try again in a moment.";

#[derive(Deserialize)]
pub(super) struct Purchase {
    pub(super) item: Option<String>,
    pub(super) price: Box<RawValue>,
    pub(super) timestamp: String,
}

#[derive(Deserialize)]
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) total: Box<RawValue>,
}

/// The newest purchases of a user, and the sums of all.
pub(super) struct Listing {
    pub(super) purchases: Vec<Purchase>,
    /// Whether what was waited for is stored.
    pub(super) contains: bool,
    pub(super) sums: Option<Sums>,
}

impl Listing {
    /// None without a user; an error is a sentence for them.
    pub(super) async fn read(
        upstreams: &Upstreams,
        userid: &str,
        bought: Option<Uuid>,
        trace: Option<TraceParent>,
    ) -> Option<Result<Self, String>> {
        // A browser resolves these in any address; nobody can buy as either.
        if matches!(userid, "" | "." | "..") {
            return None;
        }
        let list = format!(
            "/getAllUserBuys/{}",
            utf8_percent_encode(userid, NON_ALPHANUMERIC)
        );
        let waits = bought.map(|id| format!("&contains={id}"));
        let newest = format!("{list}?limit={NEWEST}{}", waits.unwrap_or_default());
        let headers = [(ACCEPT, JSON), (PREFER, WAIT)];
        let get = Method::GET;
        let (status, headers, body) = ask(
            &upstreams.query,
            get,
            &newest,
            &headers,
            String::new(),
            trace,
        )
        .await;
        if status != StatusCode::OK {
            return Some(Err(problem(&body).error));
        }
        let Ok(purchases) = serde_json::from_slice(&body) else {
            return Some(Err(UNREADABLE.to_owned()));
        };
        let summary = format!("{list}?summary=true");
        let (status, _, body) = ask(
            &upstreams.query,
            Method::GET,
            &summary,
            &[(ACCEPT, JSON)],
            String::new(),
            trace,
        )
        .await;
        let sums = (status == StatusCode::OK).then(|| serde_json::from_slice(&body).ok());
        Some(Ok(Self {
            purchases,
            contains: headers.get(CONTAINS).is_some_and(|value| value == "true"),
            sums: sums.flatten(),
        }))
    }
}

/// Why nothing was bought, or nobody knows.
#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
    #[serde(default)]
    pub(super) errors: Vec<Wrong>,
    /// Sending the same again may help, and never buys twice.
    #[serde(skip)]
    pub(super) is_repeatable: bool,
}

/// What is wrong with one field.
#[derive(Deserialize)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) message: String,
}

/// What became of a purchase.
pub(super) enum Outcome {
    /// With its id; that of no purchase if the answer cannot be read.
    Bought(Uuid),
    Refused(StatusCode, Refusal),
}

impl Outcome {
    pub(super) async fn of(upstreams: &Upstreams, form: &Form, trace: Option<TraceParent>) -> Self {
        #[derive(Deserialize)]
        struct Created {
            purchase: Identified,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        let mut headers = vec![(CONTENT_TYPE, FORM), (ACCEPT, JSON)];
        headers.extend(HeaderValue::try_from(&form.key).map(|key| (IDEMPOTENCY_KEY, key)));
        let answer = ask(
            &upstreams.buy,
            Method::POST,
            "/buy",
            &headers,
            encoded(form),
            trace,
        );
        let (status, _, body) = answer.await;
        if status != StatusCode::CREATED {
            let is_repeatable = !status.is_client_error() || matches!(status.as_u16(), 408 | 429);
            let status = if status.is_success() || status.is_redirection() {
                StatusCode::BAD_GATEWAY
            } else {
                status
            };
            return Self::Refused(
                status,
                Refusal {
                    is_repeatable,
                    ..problem(&body)
                },
            );
        }
        // It is bought, whatever can be read of it.
        let created: Option<Created> = serde_json::from_slice(&body).ok();
        let id = created.and_then(|created| Uuid::parse_str(&created.purchase.id).ok());
        Self::Bought(id.unwrap_or_default())
    }
}

/// The form as buy takes it.
fn encoded(form: &Form) -> String {
    let fields = [
        ("username", &form.username),
        ("userid", &form.userid),
        ("item", &form.item),
        ("price", &form.price),
    ];
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filled)
        .finish()
}

fn problem(body: &[u8]) -> Refusal {
    serde_json::from_slice(body).unwrap_or_else(|_| Refusal {
        error: UNREADABLE.to_owned(),
        errors: Vec::new(),
        is_repeatable: true,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "it has a bound, and whoever makes the answer has deadlines"
)]
async fn ask(
    upstream: &Router,
    method: Method,
    address: &str,
    headers: &[(HeaderName, HeaderValue)],
    body: String,
    trace: Option<TraceParent>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = method;
    // Of ASCII alone: everything else of it is percent-encoded.
    *request.uri_mut() = address.parse().unwrap_or_default();
    request.headers_mut().extend(headers.iter().cloned());
    if let Some(trace) = trace {
        request.extensions_mut().insert(trace);
    }
    let (parts, body) = hand_over(upstream.clone(), request).await.into_parts();
    match to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(body) => (parts.status, parts.headers, body.to_vec()),
        Err(_) => (StatusCode::BAD_GATEWAY, HeaderMap::new(), Vec::new()),
    }
}
