//! A topic and a group of its own for each test, and what the broker says about them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kafka_log::{Connection, Delivery, Subscription, SubscriptionOptions};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testkit::{PATIENCE, eventually, services};
use tokio::task::JoinHandle;

use crate::support;

/// A group, and the topic that its members read.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) name: String,
    /// A client that may ask about the group and is no member.
    onlooker: Arc<OnceLock<BaseConsumer>>,
}

impl Group {
    pub(crate) async fn reading(partitions: i32) -> Self {
        let group = Self::of(support::unused_topic());
        group.create_topic(partitions).await;
        group
    }

    /// At a broker of one's own, with a topic that is not there yet.
    pub(crate) fn at(brokers: String) -> Self {
        Self {
            brokers,
            ..Self::of(support::unused_topic())
        }
    }

    pub(crate) async fn create_topic(&self, partitions: i32) {
        let topic = NewTopic::new(&self.topic, partitions, TopicReplication::Fixed(1));
        let made = self.admin().create_topics([&topic], &patiently()).await;
        made.unwrap().into_iter().next().unwrap().unwrap();
    }

    /// Deletes the topic and makes another one with its name, as fast as the broker allows.
    pub(crate) async fn make_topic_anew(&self, partitions: i32) {
        let deleted = self
            .admin()
            .delete_topics(&[&self.topic], &patiently())
            .await;
        deleted.unwrap().into_iter().next().unwrap().unwrap();
        self.create_topic(partitions).await;
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    pub(crate) fn of(topic: String) -> Self {
        Self {
            brokers: services::kafka(),
            name: format!("group-of-{topic}"),
            topic,
            onlooker: Arc::default(),
        }
    }

    pub(crate) fn options(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            commit_pause: Duration::from_millis(100),
            session_timeout: Duration::from_secs(6),
            ..SubscriptionOptions::new(&self.topic, &self.name)
        }
    }

    pub(crate) fn join(&self) -> Subscription {
        self.join_with(self.options())
    }

    pub(crate) fn join_with(&self, options: SubscriptionOptions) -> Subscription {
        let connection = Connection::plaintext(&self.brokers);
        Subscription::start(&connection, options).unwrap()
    }

    /// Writes `count` records of this size.
    pub(crate) async fn write_large(&self, count: usize, bytes: usize) {
        self.write_values(1, &vec!["x".repeat(bytes); count]).await;
    }

    /// Writes the numbers of `range` as records, one partition after the other in turns.
    pub(crate) async fn write(&self, partitions: i32, range: Range<u32>) {
        let values: Vec<_> = range.map(|number| number.to_string()).collect();
        self.write_values(partitions, &values).await;
    }

    async fn write_values(&self, partitions: i32, values: &[String]) {
        let producer: FutureProducer = self.config().create().unwrap();
        let mut written = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let partition = i32::try_from(number).unwrap() % partitions;
            let record = FutureRecord::<(), _>::to(&self.topic)
                .partition(partition)
                .payload(value);
            written.push(producer.send(record, PATIENCE));
        }
        for written in join_all(written).await {
            written.unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// The position that the broker keeps.
    pub(crate) async fn committed(&self, partition: i32) -> Option<i64> {
        let group = self.clone();
        blocking(move || {
            let mut list = TopicPartitionList::new();
            list.add_partition(&group.topic, partition);
            let list = group
                .onlooker()
                .committed_offsets(list, PATIENCE)
                .expect("the coordinator answers");
            match list.elements()[0].offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            }
        })
        .await
    }

    /// The ids of the members that the broker counts.
    pub(crate) async fn members(&self) -> Vec<String> {
        let group = self.clone();
        blocking(move || {
            let list = group
                .onlooker()
                .fetch_group_list(Some(&group.name), PATIENCE)
                .expect("the coordinator answers");
            let members = list.groups().iter().flat_map(GroupInfo::members);
            members.map(|member| member.id().to_owned()).collect()
        })
        .await
    }

    fn onlooker(&self) -> &BaseConsumer {
        let create = || self.config().set("group.id", &self.name).create();
        self.onlooker.get_or_init(|| create().unwrap())
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("enable.sparse.connections", "false");
        config
    }
}

pub(crate) fn patiently() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE))
}

pub(crate) async fn blocking<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// The next `count` records; panics when they do not come.
pub(crate) async fn read(subscription: &Subscription, count: usize) -> Vec<Delivery> {
    let started = Instant::now();
    let mut all = Vec::new();
    while all.len() < count {
        let left = PATIENCE.saturating_sub(started.elapsed());
        let next = tokio::time::timeout(left, subscription.next(count - all.len()));
        match next.await {
            Ok(next) if !next.is_empty() => all.extend(next),
            _ => panic!(
                "{} of {count} records; {:?}",
                all.len(),
                subscription.state()
            ),
        }
    }
    all
}

/// Reads `count` records and is done with each at once.
pub(crate) async fn read_and_do(subscription: &Subscription, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = read(subscription, 1).await;
        all_done(subscription, &next);
        all.extend(next);
    }
    all
}

/// What a task has read that is done with each record at once, until the subscription stops or the task is aborted.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeSet<u32>>>);

impl Seen {
    pub(crate) fn read(&self, subscription: Subscription) -> JoinHandle<()> {
        let seen = self.clone();
        tokio::spawn(async move {
            loop {
                let batch = subscription.next(50).await;
                if batch.is_empty() {
                    return;
                }
                seen.0.lock().unwrap().extend(numbers(&batch));
                all_done(&subscription, &batch);
            }
        })
    }

    pub(crate) async fn all_of(&self, expected: Range<u32>) {
        eventually(&format!("records {expected:?}"), async || {
            let mut expected = expected.clone();
            let seen = self.0.lock().unwrap();
            expected.all(|number| seen.contains(&number)).then_some(())
        })
        .await;
    }
}

/// The numbers in records that [`Group::write`] wrote.
pub(crate) fn numbers(deliveries: &[Delivery]) -> Vec<u32> {
    let number = |delivery: &Delivery| {
        let value = delivery.record.value.as_ref().unwrap();
        std::str::from_utf8(value).unwrap().parse().unwrap()
    };
    deliveries.iter().map(number).collect()
}

pub(crate) fn all_done(subscription: &Subscription, deliveries: &[Delivery]) {
    for delivery in deliveries {
        subscription.done(&delivery.place);
    }
}
