//! A producer that a server can live with: it never blocks its caller, answers within a deadline, and is replaced when it fails
//! for good.
//!
//! librdkafka sends from threads of its own and keeps retrying on its own, so a record that it took goes on without
//! whoever sent it. Repeats are harmless here, which is why its idempotence stays off: it would cost the first record of a
//! process half a second and more.

mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use purchase::PortError;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext,
    ThreadedProducer,
};
use tokio::sync::{Mutex, oneshot};
use tokio::time::{sleep, timeout};

use crate::connection::{Connection, log_line};
use crate::error::{ProbeError, ProduceError};

pub(crate) use settings::Bounds;

/// For a client to end its threads.
const DROP_MAX: Duration = Duration::from_secs(1);

/// How long the brokers may take to say whether a topic is there.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// How long one look for the topic may take at the start. While it goes on, the client cannot be closed.
const LOOK_UP_DEADLINE: Duration = Duration::from_millis(300);
/// Between two of them.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(200);

/// Clones share the connections, which end with the last of them.
#[derive(Clone)]
pub(crate) struct Producer {
    config: Arc<ClientConfig>,
    deadline: Duration,
    /// Nothing once it is closed.
    client: Arc<RwLock<Option<Client>>>,
    /// One probe at a time: each holds a thread.
    probe: Arc<Mutex<()>>,
}

type Client = ThreadedProducer<Reports>;
type Report = Result<(), ProduceError>;

/// What is to be written.
pub(crate) struct Message<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: OwnedHeaders,
    pub(crate) value: Option<&'a [u8]>,
}

/// What will become of a message that was taken.
pub(crate) struct Receipt {
    report: oneshot::Receiver<Report>,
    deadline: Duration,
}

impl Producer {
    /// Starts to connect and to look for the topic, and does not wait for it.
    pub(crate) fn new(
        connection: &Connection,
        bounds: Bounds,
        topic: &Arc<str>,
    ) -> Result<Self, KafkaError> {
        let producer = Self::start(settings::config(connection, bounds), bounds.deadline)?;
        tokio::spawn(producer.clone().look_up(Arc::clone(topic)));
        Ok(producer)
    }

    /// Asks for the topic until the brokers know it. librdkafka does that by itself, but only at the next full second after
    /// the first record, which then waits for it.
    async fn look_up(self, topic: Arc<str>) {
        while self.look_for(&topic, LOOK_UP_DEADLINE).await.is_err() && !self.is_closed() {
            sleep(LOOK_UP_PAUSE).await;
        }
    }

    fn start(config: ClientConfig, deadline: Duration) -> Result<Self, KafkaError> {
        let client = config.create_with_context(Reports::default())?;
        Ok(Self {
            client: Arc::new(RwLock::new(Some(client))),
            config: Arc::new(config),
            deadline,
            probe: Arc::default(),
        })
    }

    /// Hands a message over, or says at once that it cannot.
    pub(crate) fn send(&self, message: Message<'_>) -> Result<Receipt, ProduceError> {
        self.revive();
        // Held while the message is handed over, so that nothing comes after `close` has taken the client away.
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        let client = client.as_ref().ok_or(ProduceError::Closed)?;
        let (reply, report) = oneshot::channel();
        let mut record =
            BaseRecord::with_opaque_to(message.topic, Box::new(reply)).headers(message.headers);
        record.key = message.key;
        record.payload = message.value;
        client.send(record).map_err(|(error, _)| {
            if error.rdkafka_error_code() == Some(Code::Fatal) {
                client
                    .context()
                    .failed_for_good
                    .store(true, Ordering::Relaxed);
            }
            ProduceError::not_taken(&error)
        })?;
        Ok(Receipt {
            report,
            deadline: self.deadline,
        })
    }

    /// Whether the topic is there and has a leader for each partition.
    pub(crate) async fn probe(&self, topic: &Arc<str>) -> Result<(), PortError> {
        self.look_for(topic, PROBE_DEADLINE).await
    }

    async fn look_for(&self, topic: &Arc<str>, within: Duration) -> Result<(), PortError> {
        let topic = Arc::clone(topic);
        let client = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let client = client.ok_or_else(|| PortError::transient(ProduceError::Closed))?;
        let probe = Arc::clone(&self.probe);
        let asked = async move {
            let turn = probe.lock_owned().await;
            tokio::task::spawn_blocking(move || {
                let answer = ask(&client, &topic, within);
                drop(turn);
                answer
            })
            .await
        };
        match timeout(within, asked).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(PortError::transient("the probe panicked")),
            Err(_) => Err(ProbeError::Deadline(within).into()),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        let client = self.client.read();
        client.unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Takes no more messages and waits until those that it took are settled, at most `within`; says how many were not.
    pub(crate) async fn close(&self, within: Duration) -> usize {
        let client = self
            .client
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(client) = client else {
            return 0;
        };
        let deadline = Instant::now() + within;
        let mut left = client.in_flight_count();
        while left > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(2)).await;
            left = client.in_flight_count();
        }
        // Whoever still waits for one that is left hears that it is unknown. This takes a moment, which is not the runtime's;
        // but librdkafka's threads wait by the wall clock, and when that is set back, for as long as it was.
        let dropped = tokio::task::spawn_blocking(move || drop(client));
        let _ = timeout(DROP_MAX, dropped).await;
        usize::try_from(left).unwrap_or(0)
    }

    /// Replaces a client that failed for good. What it had in its hands becomes unknown.
    fn revive(&self) {
        let failed = |client: &Option<Client>| {
            client
                .as_ref()
                .is_some_and(|client| client.context().failed_for_good.load(Ordering::Relaxed))
        };
        if !failed(&self.client.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        if !failed(&client) {
            return;
        }
        match self.config.create_with_context(Reports::default()) {
            Ok(new) => {
                tracing::error!("the producer of Kafka failed for good; a new one takes its place");
                let old = client.replace(new);
                // It ends in its own time. Without a thread to do that, it ends here.
                let _ = std::thread::Builder::new()
                    .name("kafka-end".to_owned())
                    .spawn(move || drop(old));
            }
            Err(error) => {
                tracing::error!(%error, "the producer of Kafka failed for good and cannot be replaced yet");
            }
        }
    }
}

impl Receipt {
    /// `Ok` once all in-sync replicas have it.
    pub(crate) async fn settled(self) -> Result<(), ProduceError> {
        match timeout(self.deadline, self.report).await {
            Ok(Ok(report)) => report,
            Ok(Err(_)) => Err(ProduceError::Aborted),
            Err(_) => Err(ProduceError::Deadline(self.deadline)),
        }
    }
}

fn ask(client: &Client, topic: &str, within: Duration) -> Result<(), ProbeError> {
    let metadata = client.client().fetch_metadata(Some(topic), within)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or(ProbeError::NoTopic)?;
    match found.error().map(Code::from) {
        None => {}
        Some(Code::UnknownTopicOrPartition) => return Err(ProbeError::NoTopic),
        Some(code) => return Err(ProbeError::Topic(code)),
    }
    match found
        .partitions()
        .iter()
        .find(|partition| partition.leader() < 0)
    {
        _ if found.partitions().is_empty() => Err(ProbeError::NoTopic),
        Some(partition) => Err(ProbeError::NoLeader(partition.id())),
        None => Ok(()),
    }
}

/// What librdkafka tells: what became of each message, and what it has to say.
#[derive(Default)]
struct Reports {
    failed_for_good: AtomicBool,
}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Report>>;

    fn delivery(&self, result: &DeliveryResult<'_>, reply: Self::DeliveryOpaque) {
        let report = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                Err(ProduceError::Failed(code))
            }
        };
        // Nobody listens where the caller has left; the message is written all the same.
        let _ = reply.send(report);
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(Code::Fatal) {
            self.failed_for_good.store(true, Ordering::Relaxed);
        }
        // Everything here comes as a line of the log too, and here it comes twice.
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

#[cfg(test)]
mod tests;
