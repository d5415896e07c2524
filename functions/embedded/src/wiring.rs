//! Puts everything together, and takes it apart in the order in which nothing is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use buy::Buy;
use delivery::{Recorder, RecorderOptions};
use purchase::Stamp;
use query::Query;
use serve::{App, Metrics};
use sqlite::{OpenError, Options, Sqlite};
use storer::Storer;
use thiserror::Error;
use tokio::time::timeout;

use crate::OPENAPI;
use crate::config::Config;
use crate::counters::Counters;
use crate::data_dir::{DataDir, DataDirError};
use crate::docs;
use crate::greeting::{Place, greeting};
use crate::listeners::{ListenError, Listeners};
use crate::pump::Pump;
use crate::ready::Database;
use crate::router_sink::RouterSink;
use crate::servers::Servers;

#[derive(Debug, Error)]
pub enum EmbeddedError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the {0} ended by itself, see the log; what was bought is safe")]
    Failed(&'static str),
}

/// For the checkpoint at the end, which is a convenience.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// The running product.
pub struct Embedded {
    page: SocketAddr,
    functions: [(&'static str, Place); 3],
    data_dir: DataDir,
    sqlite: Sqlite,
    pump: Pump,
    servers: Servers,
}

impl Embedded {
    /// Opens the data, starts the pump and listens.
    pub async fn start(config: Config) -> Result<Self, EmbeddedError> {
        let data_dir = DataDir::take(&config.data_dir)?;
        let sqlite = Sqlite::open(&data_dir.database(), Options::default())?;
        let listeners = Listeners::bind(&config)?;
        let metrics = Metrics::new();
        let counters = Counters::register(&metrics, sqlite.clone());

        let apps = Apps::build(&config, &sqlite, &metrics);
        let sink = RouterSink(apps.storer.clone());
        let pump = Pump::start(sqlite.log(), sink, Stamp::system().now, counters);

        let mut servers = Servers::new(&config);
        let page = listeners.page.address;
        servers.serve(listeners.page, apps.page);
        let functions = [
            ("buy", listeners.buy, apps.buy),
            ("storer", listeners.storer, apps.storer),
            ("query", listeners.query, apps.query),
        ]
        .map(|(name, listener, app)| {
            let place = listener.map(|listener| {
                let address = listener.address;
                servers.serve(listener, app);
                address
            });
            (name, place)
        });
        if let Some(listener) = listeners.metrics {
            servers.serve(listener, metrics.routes());
        }
        Ok(Self {
            page,
            functions,
            data_dir,
            sqlite,
            pump,
            servers,
        })
    }

    /// What to tell the person who started it.
    #[must_use]
    pub fn greeting(&self) -> String {
        greeting(self.data_dir.path(), self.page, &self.functions)
    }

    /// Resolves when a part ends that should run until the stop. Without it purchases would be refused, or taken and not
    /// delivered, by a process that looks alive.
    pub async fn failed(&mut self) -> EmbeddedError {
        EmbeddedError::Failed(tokio::select! {
            () = self.sqlite.closed() => "database writer",
            () = self.pump.ended() => "delivery",
            () = self.servers.ended() => "server",
        })
    }

    /// Lets requests in flight finish, delivers what is in the log, closes the file.
    pub async fn stop(self) {
        self.servers.stop().await;
        self.pump.stop().await;
        if timeout(CLOSE_MAX, self.sqlite.close()).await.is_err() {
            tracing::warn!("the database is still busy; it recovers at the next start");
        }
        drop(self.data_dir);
    }
}

/// The routers with all that is around them.
struct Apps {
    page: Router,
    buy: Router,
    storer: Router,
    query: Router,
}

impl Apps {
    fn build(config: &Config, sqlite: &Sqlite, metrics: &Metrics) -> Self {
        let stamp = Stamp::system();
        let log = Arc::new(sqlite.log());
        let buy = buy::routes(Buy { log, stamp });
        let recorder = Recorder::start(Arc::new(sqlite.store()), RecorderOptions::default());
        let storer = storer::routes(Storer { recorder, stamp });
        let query = Query::new(Arc::new(sqlite.store()));
        let lists = query::public_routes(query.clone());
        let page = frontend::routes(buy.clone(), lists.clone()).merge(docs::routes());

        let max_in_flight = config.http.max_in_flight;
        let app = |name, hint, document, routes, max_in_flight| {
            let app = App::new(name, hint, routes)
                .openapi(document)
                .ready(Arc::new(Database(sqlite.clone())))
                .metrics(metrics.clone())
                .origins(config.http.cors_origins.clone())
                .max_in_flight(max_in_flight);
            if config.http.metrics_on_main_port {
                app.expose_metrics().build()
            } else {
                app.build()
            }
        };
        let storer_max = max_in_flight.min(storer::MAX_IN_FLIGHT);
        Self {
            page: app("frontend", frontend::HINT, OPENAPI, page, max_in_flight),
            buy: app(
                "buy",
                buy::HINT,
                buy::OPENAPI,
                buy.merge(lists),
                max_in_flight,
            ),
            storer: app("storer", storer::HINT, storer::OPENAPI, storer, storer_max),
            query: app(
                "query",
                query::HINT,
                query::OPENAPI,
                query::routes(query),
                max_in_flight,
            ),
        }
    }
}
