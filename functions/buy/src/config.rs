//! What buy reads from the environment when it is a process of its own.

use std::net::{IpAddr, Ipv4Addr};

use gateway::Upstream;
use kafka_log::Connection;
use serve::{Env, HttpConfig};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const PORT: u16 = 3000;

/// Each waits for one acknowledgement of the log with a purchase of a few hundred bytes.
const MAX_IN_FLIGHT: usize = 1_024;

#[derive(Debug)]
pub struct Config {
    pub http: HttpConfig,
    pub kafka: Connection,
    pub topic: String,
    /// Where lists come from.
    pub customer_management: Upstream,
}

impl Config {
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            http: HttpConfig::read(env, HOST, PORT, MAX_IN_FLIGHT),
            kafka: Connection::read(env),
            topic: env.or(
                "PURCHASE_TOPIC",
                "the name of a topic",
                "purchases".to_owned(),
            ),
            customer_management: Upstream::read(env, "CUSTOMER_MANAGEMENT_URL")
                .unwrap_or_else(|| Upstream::localhost(3001)),
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
        assert_eq!((config.http.host, config.http.port), (HOST, 3000));
        assert_eq!(config.topic, "purchases");
        assert_eq!(config.customer_management, Upstream::localhost(3001));
    }
}
