//! What can be chosen: the command line first, then the environment, then the defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serve::{Env, HttpConfig};

const PAGE_PORT: u16 = 8_080;
/// A thousand clients may wait for a purchase to be listed, and others shall still get through.
const MAX_IN_FLIGHT: usize = 2_048;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "user-buy-list", version, about)]
pub struct Arguments {
    /// Folder that keeps everything that was bought; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "data", global = true)]
    pub data_dir: PathBuf,
    /// Port of the page and the public routes [default: PORT, or 8080]; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Port of the buy function; when it is in use, buying works through the page's port only
    #[arg(long, value_name = "PORT", default_value_t = 3_000)]
    pub buy_port: u16,
    /// Port of the storer function, likewise
    #[arg(long, value_name = "PORT", default_value_t = 3_001)]
    pub storer_port: u16,
    /// Port of the query function, likewise
    #[arg(long, value_name = "PORT", default_value_t = 3_002)]
    pub query_port: u16,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else it can do than run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists, shows and replays what could not be stored, also while another process runs on the same folder
    Redrive(redrive::Args),
}

/// Everything that was chosen.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    /// The page's server; the functions share all of it but the port.
    pub http: HttpConfig,
    pub buy_port: u16,
    pub storer_port: u16,
    pub query_port: u16,
}

impl Config {
    /// Reads HOST, PORT, METRICS_PORT, DRAIN_DELAY_MS, MAX_IN_FLIGHT and CORS_ORIGINS beside the command line.
    pub fn read(env: &mut Env<'_>, arguments: Arguments) -> Self {
        let host = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut http = HttpConfig::read(env, host, PAGE_PORT, MAX_IN_FLIGHT);
        http.port = arguments.port.unwrap_or(http.port);
        Self {
            data_dir: arguments.data_dir,
            http,
            buy_port: arguments.buy_port,
            storer_port: arguments.storer_port,
            query_port: arguments.query_port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Config {
        let lookup = |name: &str| {
            environment
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let arguments = [&["user-buy-list"], arguments].concat();
        let config = Config::read(&mut env, Arguments::try_parse_from(arguments).unwrap());
        env.finish(config).unwrap()
    }

    #[test]
    fn defaults_keep_to_this_machine() {
        let config = read(&[], &[]);
        assert!(config.http.host.is_loopback());
        assert_eq!(config.http.port, 8_080);
        assert_eq!(
            [config.buy_port, config.storer_port, config.query_port],
            [3_000, 3_001, 3_002]
        );
        assert_eq!(config.data_dir, PathBuf::from("data"));
    }

    #[test]
    fn the_command_line_comes_before_the_environment() {
        let environment = [("PORT", "9000"), ("HOST", "0.0.0.0")];
        assert_eq!(read(&[], &environment).http.port, 9_000);
        assert_eq!(read(&["--port", "9001"], &environment).http.port, 9_001);
        assert!(read(&[], &environment).http.host.is_unspecified());
    }
}
