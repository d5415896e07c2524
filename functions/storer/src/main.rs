//! storer as a process of its own, with MongoDB as the store.

use std::process::ExitCode;
use std::sync::Arc;

use delivery::{Recorder, RecorderOptions};
use mongo_store::MongoStore;
use purchase::Stamp;
use serve::{App, BoxError, Function};
use storer::config::Config;
use storer::{HINT, OPENAPI, Storer, routes};

fn main() -> ExitCode {
    serve::main("storer", Config::read, |config| async move {
        let store = MongoStore::connect(config.mongodb).await?;
        let storer = Storer {
            recorder: Recorder::start(Arc::new(store.clone()), RecorderOptions::default()),
            stamp: Stamp::system(),
        };
        let app = App::new("storer", HINT, routes(storer))
            .openapi(OPENAPI)
            .ready(Arc::new(store.clone()));
        tokio::spawn(async move { store.ensure_indexes().await });
        Ok::<_, BoxError>(Function::new(app, config.http))
    })
}
