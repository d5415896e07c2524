//! buy as a process of its own, with Kafka as the log.

use std::sync::Arc;
use std::time::Duration;

use gateway::{Deadlines, forward};
use kafka_log::{KafkaLog, LogOptions};
use purchase::Stamp;
use serve::{App, BoxError, Function};

use crate::config::Config;
use crate::{Buy, HINT, OPENAPI, lists, routes};

/// What is left when the last request is answered belongs to clients that went away; they may have been promised nothing.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// # Errors
///
/// When no producer can be made of the configuration. A broker that is away is no error.
pub async fn function(config: Config, stamp: Stamp) -> Result<Function, BoxError> {
    let log = KafkaLog::new(&config.kafka, &config.topic, LogOptions::default())?;
    let buy = Buy {
        log: Arc::new(log.clone()),
        stamp,
    };
    let lists = lists(forward(config.customer_management, Deadlines::default()));
    let app = App::new("buy", HINT, routes(buy).merge(lists))
        .openapi(OPENAPI)
        .ready(Arc::new(log.clone()));
    let function = Function::new(app, config.http);
    Ok(function.on_stop(async move { log.close(FLUSH_MAX).await }))
}
