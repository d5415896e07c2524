//! What storer reads from the environment when it is a process of its own.

use std::net::{IpAddr, Ipv4Addr};

use mongo_store::MongoConfig;
use serve::{Env, HttpConfig};

use crate::MAX_IN_FLIGHT;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const PORT: u16 = 3001;

#[derive(Debug)]
pub struct Config {
    pub http: HttpConfig,
    pub mongodb: MongoConfig,
}

impl Config {
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            http: HttpConfig::read(env, HOST, PORT, MAX_IN_FLIGHT),
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
    }
}
