//! The OpenAPI documents of the functions, made with the bounds and the words of the code that they describe.
//!
//! Each function serves a committed copy of its document as it is, so no product links any of this: the crate is for tests.
//! Its own hold every copy equal to what is made here, and every document equal to the routes that the function has. Whether
//! running functions answer as they say is for row 33 of the fault suite to find out.
//!
//! In reading order: what a purchase looks like, how a request fails, what is asked and answered, and the whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod schemas;

mod problems;

mod buying;

mod lists;

mod events;

mod page;

mod probes;

mod document;

pub use document::Document;

use crate::buying::{buy, record};
use crate::lists::{everyone, listed, neighbours};
use crate::problems::Road;

/// All of them.
pub fn all() -> Vec<Document> {
    vec![
        Document::new(
            "functions/buy/openapi.json",
            "buy",
            "Takes purchases and puts them into the log. Lists come from the function that keeps them.",
            vec![
                buy("/buy", "buy", "list", Road::Direct),
                listed("/getAllUserBuys/{userid}", "list", Road::Forwarded),
            ],
        ),
        Document::new(
            "functions/query/openapi.json",
            "query",
            "Lists what was bought.",
            lists(),
        ),
        Document::new(
            "functions/storer/openapi.json",
            "storer",
            "Records the purchases in the events that are delivered to it.",
            vec![events::deliver(), record(None)],
        ),
        Document::new(
            "functions/consumer/openapi.json",
            "consumer",
            "Takes purchases from Kafka to MongoDB, and answers what storer and query answer.",
            [vec![events::deliver(), record(Some("list"))], lists()].concat(),
        ),
        Document::new(
            "frontend/openapi.json",
            "frontend",
            "The page, and the gateway to the public routes.",
            public(Road::Forwarded),
        ),
        Document::new(
            "functions/embedded/openapi.json",
            "page",
            "The page's port of the product in one process. What its functions answer on ports of their own is under `/docs`.",
            [public(Road::Direct), page::documentation()].concat(),
        ),
    ]
}

/// What query answers.
fn lists() -> Vec<document::Route> {
    vec![
        listed("/getAllUserBuys/{userid}", "list", Road::Direct),
        everyone(),
        neighbours(),
    ]
}

/// What the gateway lets through, and the page.
fn public(road: Road) -> Vec<document::Route> {
    let mut routes = vec![
        buy("/buy", "buy", "list", road),
        listed("/getAllUserBuys/{userid}", "list", road),
        buy("/api/buy", "apiBuy", "apiList", road),
        listed("/api/getAllUserBuys/{userid}", "apiList", road),
    ];
    routes.extend(page::files());
    routes
}
