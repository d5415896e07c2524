//! `kafka-source`: a stand-in for Knative's KafkaSource, configured by environment variables.

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use kafka_source::{Config, Counters, Ordering, Source};
use serve::{App, BoxError, Function, Metrics};

const HINT: &str = "GET /health, GET /ready and GET /metrics";

fn main() -> ExitCode {
    serve::main("kafka-source", Config::read, |config| async move {
        start(config)
    })
}

fn start(config: Config) -> Result<Function, BoxError> {
    let (topic, group) = (&config.topic, &config.group);
    let sink = config.sink.without_query();
    let ordered = config.ordering == Ordering::Ordered;
    tracing::info!(
        topic,
        group,
        sink,
        ordered,
        "posting the events of a topic to a sink"
    );
    config.delivery.announce();

    let http = config.http.clone();
    let (metrics, counters) = (Metrics::new(), Counters::default());
    counters.register(&metrics);
    let source = Arc::new(Source::start(config, counters)?);
    let app = App::new("kafka-source", HINT, Router::new())
        .ready(Arc::new(source.subscription().clone()))
        .metrics(metrics);
    let stopping = source.clone();
    Ok(Function::new(app, http)
        .failed(async move { source.failed().await.into() })
        .on_stop(async move { stopping.stop().await }))
}
