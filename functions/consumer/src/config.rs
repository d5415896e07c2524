//! What consumer reads from the environment.

use std::net::{IpAddr, Ipv4Addr};

use kafka_log::Connection;
use mongo_store::MongoConfig;
use serve::{Env, HttpConfig};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const PORT: u16 = 3001;

/// Lists are streamed and cost little; bodies of events are bounded like storer's.
const MAX_IN_FLIGHT: usize = storer::MAX_IN_FLIGHT;

#[derive(Debug)]
pub struct Config {
    pub http: HttpConfig,
    pub kafka: Connection,
    pub topic: String,
    pub dead_letter_topic: String,
    pub group: String,
    pub mongodb: MongoConfig,
}

impl Config {
    pub fn read(env: &mut Env<'_>) -> Self {
        const TOPIC: &str = "the name of a topic";

        let topic = env.or("PURCHASE_TOPIC", TOPIC, "purchases".to_owned());
        let dead_letter_topic = env.or(
            "DEAD_LETTER_TOPIC",
            TOPIC,
            "purchases-dead-letters".to_owned(),
        );
        if topic == dead_letter_topic {
            // Every dead letter would be read again and become another one.
            env.problem(
                "DEAD_LETTER_TOPIC",
                "another topic than PURCHASE_TOPIC",
                dead_letter_topic.clone(),
            );
        }
        Self {
            http: HttpConfig::read(env, HOST, PORT, MAX_IN_FLIGHT),
            kafka: Connection::read(env),
            topic,
            dead_letter_topic,
            group: env.or(
                "KAFKA_GROUP_ID",
                "the name of a consumer group",
                "purchase-group".to_owned(),
            ),
            mongodb: MongoConfig::read(env),
        }
    }
}
