//! The page without scripts: HTML that is made here, of what the two public routes answer.
//!
//! Whoever runs scripts never gets it: [`crate::page`] sends only those here that run none. The form posts to `/`, and the answer to a
//! purchase is a redirect to the list, so that reloading buys nothing; a form that failed comes back with its key, so that sending it
//! again repeats the same purchase.

mod answer;
mod paper;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serve::TraceParent;
use uuid::Uuid;

use crate::page::{HTML, protected};
use crate::plain::answer::{Listing, Outcome};
use crate::plain::paper::{Notice, paper};

/// The parameter of the query that asks for this page.
pub(crate) const PLAIN: &str = "plain";

/// As the functions take no longer ones.
pub(crate) const FORM_BYTES_MAX: usize = 64 * 1024;

/// Both routers behind the page.
#[derive(Clone)]
pub(crate) struct Upstreams {
    pub(crate) buy: Router,
    pub(crate) query: Router,
}

/// The form, as somebody filled it, or as it is offered.
#[derive(Debug, Default, Clone)]
pub(crate) struct Form {
    username: String,
    userid: String,
    item: String,
    price: String,
    /// Under which the purchase may be sent again.
    key: String,
}

impl Form {
    fn read(pairs: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(pairs) {
            let field = match &*name {
                "username" => &mut form.username,
                "userid" => &mut form.userid,
                "item" => &mut form.item,
                "price" => &mut form.price,
                "key" => &mut form.key,
                _ => continue,
            };
            *field = value.trim().to_owned();
        }
        form
    }

    /// A key that can be sent.
    fn has_key(&self) -> bool {
        !self.key.is_empty() && HeaderValue::try_from(&self.key).is_ok()
    }

    fn with_fresh_key(mut self) -> Self {
        self.key = Uuid::now_v7().to_string();
        self
    }
}

/// `GET /?user=…&plain`: the newest purchases. `bought` names the one that the list waits for, `name` fills the form.
pub(crate) async fn show(
    upstreams: &Upstreams,
    query: &str,
    trace: Option<TraceParent>,
) -> Response {
    let mut form = Form::default();
    let mut bought = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "user" => form.userid = value.trim().to_owned(),
            "name" => form.username = value.trim().to_owned(),
            "bought" => bought = Uuid::parse_str(&value).ok(),
            _ => {}
        }
    }
    let listing = Listing::read(upstreams, &form.userid, bought, trace).await;
    let notice = match &listing {
        Some(Ok(listing)) if bought.is_some() => Some(Notice::Bought {
            stored: listing.contains,
        }),
        Some(Err(_)) if bought.is_some() => Some(Notice::Bought { stored: false }),
        _ => None,
    };
    answer(StatusCode::OK, &form.with_fresh_key(), notice, listing)
}

/// `POST /`: buys, and sends to the list.
pub(crate) async fn buy(
    State(upstreams): State<Upstreams>,
    trace: Option<axum::Extension<TraceParent>>,
    body: serve::Body<FORM_BYTES_MAX>,
) -> Response {
    let trace = trace.map(|axum::Extension(trace)| trace);
    let form = Form::read(&body.0);
    // The page with scripts, before they are there: to send its form again would be to buy again.
    if !form.has_key() {
        let form = form.with_fresh_key();
        return answer(StatusCode::BAD_REQUEST, &form, Some(Notice::Unsent), None);
    }
    match Outcome::of(&upstreams, &form, trace).await {
        Outcome::Bought(id) => {
            let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let (user, name) = (text(&form.userid), text(&form.username));
            let list = format!("./?user={user}&name={name}&bought={id}&{PLAIN}");
            let list = HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static("./"));
            (StatusCode::SEE_OTHER, [(LOCATION, list)]).into_response()
        }
        Outcome::Refused(status, refusal) => {
            let listing = Listing::read(&upstreams, &form.userid, None, trace).await;
            answer(status, &form, Some(Notice::Refused(refusal)), listing)
        }
    }
}

fn answer(
    status: StatusCode,
    form: &Form,
    notice: Option<Notice>,
    listing: Option<Result<Listing, String>>,
) -> Response {
    let page = paper(form, notice, listing).into_string();
    let mut response = (status, protected(HTML), page).into_response();
    // Whoever goes back finds the form as it was, with its key; whoever asks anew gets another one.
    let own = HeaderValue::from_static("private, no-cache");
    response.headers_mut().insert(CACHE_CONTROL, own);
    response
}
