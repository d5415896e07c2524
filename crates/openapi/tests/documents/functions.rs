//! Every function as a router, on a store that is a file.

use std::sync::Arc;

use axum::Router;
use buy::Buy;
use delivery::{Recorder, RecorderOptions};
use query::Query;
use serve::App;
use storer::Storer;
use testkit::file::SqliteFile;
use testkit::sample;

/// The file of its document and its routes, as its program puts them together.
pub(crate) fn all(file: &SqliteFile) -> [(&'static str, Router); 6] {
    let store = Arc::new(file.sqlite.store());
    let buying = buy::routes(Buy {
        log: Arc::new(file.sqlite.log()),
        stamp: sample::STAMP,
    });
    let storer = Storer {
        recorder: Recorder::start(store.clone(), RecorderOptions::default()),
        stamp: sample::STAMP,
    };
    let query = Query::new(store);
    let lists = query::public_routes(query.clone());
    let forwarded = buy::lists(query::routes(query.clone()));
    let public = frontend::routes(buying.clone(), lists);
    [
        ("functions/buy", buy::OPENAPI, buying.merge(forwarded)),
        (
            "functions/query",
            query::OPENAPI,
            query::routes(query.clone()),
        ),
        (
            "functions/storer",
            storer::OPENAPI,
            storer::routes(storer.clone()),
        ),
        (
            "functions/consumer",
            consumer::OPENAPI,
            consumer::routes(storer, query),
        ),
        ("frontend", frontend::OPENAPI, public.clone()),
        (
            "functions/embedded",
            embedded::OPENAPI,
            public.merge(embedded::docs::routes()),
        ),
    ]
    .map(|(folder, document, routes)| {
        let app = App::new(folder, "", routes)
            .openapi(document)
            .expose_metrics();
        (folder, app.build())
    })
}
