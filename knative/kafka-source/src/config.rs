//! What the stand-in reads from the environment.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderValue;
use kafka_log::Connection;
use serve::{Env, HttpConfig};

use crate::address::{Address, read_address};
use crate::block::DeliveryBlock;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const PORT: u16 = 8090;
/// Only probes and scrapers ask.
const MAX_IN_FLIGHT: usize = 64;
/// `max.poll.records` of `config-kafka-source-data-plane`.
const POLL_MAX: usize = 50;

const TOPIC: &str = "the name of a topic";
const GROUP: &str = "the name of a consumer group";
const KUBERNETES_NAME: &str = "a name of Kubernetes: a-z, 0-9 and -";

#[derive(Debug)]
pub struct Config {
    pub http: HttpConfig,
    pub kafka: Connection,
    pub topic: String,
    pub group: String,
    pub sink: Address,
    pub delivery: DeliveryBlock,
    pub ordering: Ordering,
    pub identity: Identity,
    /// Records taken at a time, and the number on their way from which no more are taken.
    pub poll_max: usize,
}

/// `ordering` of a KafkaSource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// One event of a partition after another; the real one's default.
    Ordered,
    Unordered,
}

/// The KafkaSource that this one stands in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub namespace: String,
    pub name: String,
}

impl Identity {
    /// `source` of the events made of raw records, up to the topic.
    #[must_use]
    pub fn event_source(&self) -> String {
        format!(
            "/apis/v1/namespaces/{}/kafkasources/{}",
            self.namespace, self.name
        )
    }

    pub(crate) fn namespace_header(&self) -> HeaderValue {
        // A name of Kubernetes is a header value.
        HeaderValue::try_from(&self.namespace).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl Config {
    pub fn read(env: &mut Env<'_>) -> Self {
        const ORDERING: &str = "ordered or unordered";
        const RECORDS: &str = "a number of records from 1 to 500";

        let ordering = env.or("ORDERING", ORDERING, "unordered".to_owned());
        let ordering = match ordering.as_str() {
            "ordered" => Ordering::Ordered,
            "unordered" => Ordering::Unordered,
            other => {
                env.problem("ORDERING", ORDERING, other);
                Ordering::Unordered
            }
        };
        let poll_max = env.or("MAX_POLL_RECORDS", RECORDS, POLL_MAX);
        if !(1..=500).contains(&poll_max) {
            env.problem("MAX_POLL_RECORDS", RECORDS, poll_max.to_string());
        }
        Self {
            http: HttpConfig::read(env, HOST, PORT, MAX_IN_FLIGHT),
            kafka: Connection::read(env),
            topic: env.or("TOPIC", TOPIC, "purchases".to_owned()),
            group: env.or("KAFKA_GROUP_ID", GROUP, "purchase-group".to_owned()),
            sink: read_address(env, "SINK").unwrap_or_else(Address::local_storer),
            delivery: DeliveryBlock::read(env),
            ordering,
            identity: Identity {
                namespace: read_name(env, "SOURCE_NAMESPACE", "default"),
                name: read_name(env, "SOURCE_NAME", "purchases"),
            },
            poll_max,
        }
    }
}

fn read_name(env: &mut Env<'_>, name: &'static str, default: &str) -> String {
    let given = env.or(name, KUBERNETES_NAME, default.to_owned());
    let is_legal = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
    };
    if !given.bytes().all(is_legal) {
        env.problem(name, KUBERNETES_NAME, given.clone());
    }
    given
}
