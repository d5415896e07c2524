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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_design() {
        let mut env = Env::new(&|_| None);
        let config = Config::read(&mut env);
        let config = env.finish(config).unwrap();
        assert_eq!((config.http.host, config.http.port), (HOST, 3001));
        let topics = (config.topic.as_str(), config.dead_letter_topic.as_str());
        assert_eq!(topics, ("purchases", "purchases-dead-letters"));
        assert_eq!(config.group, "purchase-group");
    }

    #[test]
    fn dead_letters_have_a_topic_of_their_own() {
        let lookup = |name: &str| name.ends_with("_TOPIC").then(|| "one".to_owned());
        let mut env = Env::new(&lookup);
        let config = Config::read(&mut env);
        let problems = env.finish(config).unwrap_err().to_string();
        assert!(
            problems.contains("DEAD_LETTER_TOPIC: expected another topic than PURCHASE_TOPIC"),
            "{problems}"
        );
    }
}
