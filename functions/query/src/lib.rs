//! query: the list of everything somebody bought, newest first.
//!
//! Invariant: a list that ends, ends complete. It is streamed page by page with bounded memory, and a store that fails
//! midway breaks the transfer instead of ending it early.
//!
//! It writes nothing.

mod conditions;
#[cfg(feature = "mongodb")]
pub mod config;
mod format;
mod list;
mod stream;
mod waiters;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use purchase::PurchaseReader;

pub use crate::conditions::{CONTAINS_MAX, LIMIT_MAX, WAIT_MAX};
pub use crate::list::{EVERYONE_LIMIT, TAGGED_LIMIT};
use crate::waiters::Waiters;

/// What query answers, for whoever asks it something else.
pub const HINT: &str = "GET /getAllUserBuys/{userid}, GET /purchases and GET /purchases/{userid}";

/// What it answers, for machines; `crates/openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// What query needs.
#[derive(Clone)]
pub struct Query {
    reader: Arc<dyn PurchaseReader>,
    waiters: Waiters,
}

impl Query {
    #[must_use]
    pub fn new(reader: Arc<dyn PurchaseReader>) -> Self {
        Self {
            waiters: Waiters::new(Arc::clone(&reader)),
            reader,
        }
    }
}

/// All routes, for the function itself; those under `/purchases` are for its neighbours and not for the public.
pub fn routes(query: Query) -> Router {
    let neighbours = Router::new()
        .route("/purchases", get(list::everyone))
        .route("/purchases/{*userid}", get(list::user))
        .with_state(query.clone());
    public_routes(query).merge(neighbours)
}

/// The route that clients reach.
pub fn public_routes(query: Query) -> Router {
    Router::new()
        .route("/getAllUserBuys/{*userid}", get(list::user))
        .with_state(query)
}
