//! `GET /getAllUserBuys/{userid}`: for clients that know one address, the list comes from whoever keeps it.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::Uri;
use http::uri::PathAndQuery;
use serve::Problem;
use tower::ServiceExt as _;

const HERE: &str = "/getAllUserBuys/";
const THERE: &str = "/purchases/";

/// The route, answered by `lists` under its own address for a user's list. Path, query and headers pass as they came.
pub fn lists(lists: Router) -> Router {
    Router::new()
        .route("/getAllUserBuys/{*userid}", get(hand_over))
        .with_state(lists)
}

async fn hand_over(State(lists): State<Router>, mut request: Request) -> Result<Response, Problem> {
    *request.uri_mut() = there(request.uri()).ok_or_else(|| {
        Problem::new(http::StatusCode::BAD_REQUEST, "The address cannot be read.")
    })?;
    Ok(lists
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {}))
}

/// The raw path behind the route's own, never decoded: a user id may hold anything.
fn there(uri: &Uri) -> Option<Uri> {
    let path_and_query = uri.path_and_query()?.as_str();
    let rest = path_and_query.strip_prefix(HERE)?;
    let there: PathAndQuery = format!("{THERE}{rest}").parse().ok()?;
    Some(there.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_pass_byte_for_byte() {
        for (here, expected) in [
            ("/getAllUserBuys/ada", "/purchases/ada"),
            (
                "/getAllUserBuys/a%2Fb/../%2e?limit=1&cursor=a~b",
                "/purchases/a%2Fb/../%2e?limit=1&cursor=a~b",
            ),
            ("http://shop.example/getAllUserBuys//x", "/purchases//x"),
        ] {
            assert_eq!(there(&here.parse().unwrap()).unwrap(), expected);
        }
    }
}
