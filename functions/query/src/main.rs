//! query as a process of its own, with MongoDB as the store.

use std::process::ExitCode;
use std::sync::Arc;

use mongo_store::MongoStore;
use query::config::Config;
use query::{HINT, OPENAPI, Query, routes};
use serve::{App, BoxError, Function};

fn main() -> ExitCode {
    serve::main("query", Config::read, |config| async move {
        let store = MongoStore::connect(config.mongodb).await?;
        let app = App::new("query", HINT, routes(Query::new(Arc::new(store.clone()))))
            .openapi(OPENAPI)
            .ready(Arc::new(store));
        Ok::<_, BoxError>(Function::new(app, config.http))
    })
}
