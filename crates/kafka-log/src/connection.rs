//! How to reach the brokers, and what every client of them has in common.
//!
//! librdkafka's defaults are for batch jobs that may wait for minutes; these are for a service that answers within seconds.

use std::fmt;
use std::fs;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use serve::Env;

const BROKERS_EXPECTED: &str = "brokers as host:port, separated by commas";
const PROTOCOL_EXPECTED: &str = "plaintext, ssl, sasl_plaintext or sasl_ssl";
const MECHANISM_EXPECTED: &str = "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";

/// Where the brokers are and how they are spoken to. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Connection {
    brokers: String,
    tls: bool,
    /// A file of certificates to trust; without one, the system's.
    ca_file: Option<String>,
    sasl: Option<Sasl>,
}

#[derive(Clone)]
struct Sasl {
    mechanism: &'static str,
    user: String,
    password: String,
}

impl Connection {
    /// Reads `KAFKA_BROKER`, `KAFKA_SECURITY_PROTOCOL`, `KAFKA_SASL_MECHANISM`, `KAFKA_USER`, `KAFKA_PASSWORD` and
    /// `KAFKA_CA_FILE`. What contradicts itself is noted, and never the password.
    pub fn read(env: &mut Env<'_>) -> Self {
        let brokers: String = env.or(
            "KAFKA_BROKER",
            BROKERS_EXPECTED,
            "localhost:9092".to_owned(),
        );
        if !brokers.split(',').all(|broker| is_address(broker.trim())) {
            env.problem("KAFKA_BROKER", BROKERS_EXPECTED, shown(&brokers));
        }
        let (tls, sasl) = read_protocol(env);
        Self {
            brokers,
            tls,
            ca_file: read_ca_file(env, tls),
            sasl: read_sasl(env, sasl),
        }
    }

    /// Brokers that ask for nothing, as on a developer's machine.
    pub fn plaintext(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            tls: false,
            ca_file: None,
            sasl: None,
        }
    }

    fn protocol(&self) -> &'static str {
        match (self.tls, self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }

    /// What producers and consumers have in common.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("client.id", "user-buy-list")
            .set("bootstrap.servers", &self.brokers)
            .set("security.protocol", self.protocol())
            // Otherwise one start in five waits a second for its first connection.
            .set("enable.sparse.connections", "false")
            .set("socket.connection.setup.timeout.ms", "3000")
            .set("socket.keepalive.enable", "true")
            // A broker that says nothing for so long is left for a new connection.
            .set("socket.timeout.ms", "10000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            // A topic that somebody forgot would come with the broker's defaults: deleted after a week.
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Info);
        if self.tls {
            // OpenSSL is linked statically and does not know where this system keeps its certificates.
            let location = self.ca_file.as_deref().unwrap_or("probe");
            config.set("ssl.ca.location", location);
        }
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", sasl.mechanism)
                .set("sasl.username", &sasl.user)
                .set("sasl.password", &sasl.password);
        }
        config
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("brokers", &self.brokers)
            .field("protocol", &self.protocol())
            .field("mechanism", &self.sasl.as_ref().map(|sasl| sasl.mechanism))
            .field("user", &self.sasl.as_ref().map(|sasl| &sasl.user))
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// No address has an @: somebody wrote a password into this one.
fn shown(brokers: &str) -> &str {
    if brokers.contains('@') {
        "*** (with a password? that is KAFKA_PASSWORD)"
    } else {
        brokers
    }
}

/// Whether this is `host:port`; an IPv6 address is in brackets.
fn is_address(broker: &str) -> bool {
    broker.rsplit_once(':').is_some_and(|(host, port)| {
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .map_or_else(|| (!host.contains(':')).then_some(host), Some);
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '[', ']', '@']))
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// Whether TLS and whether SASL is spoken.
fn read_protocol(env: &mut Env<'_>) -> (bool, bool) {
    const NAME: &str = "KAFKA_SECURITY_PROTOCOL";
    let given: Option<String> = env.optional(NAME, PROTOCOL_EXPECTED);
    match given
        .as_ref()
        .map(|given| given.to_ascii_lowercase())
        .as_deref()
    {
        None | Some("plaintext") => (false, false),
        Some("ssl") => (true, false),
        Some("sasl_plaintext") => (false, true),
        Some("sasl_ssl") => (true, true),
        Some(_) => {
            env.problem(NAME, PROTOCOL_EXPECTED, given.unwrap_or_default());
            (false, false)
        }
    }
}

fn read_ca_file(env: &mut Env<'_>, tls: bool) -> Option<String> {
    const NAME: &str = "KAFKA_CA_FILE";
    let path: String = env.optional(NAME, "a path")?;
    if !tls {
        let expected = "nothing, unless KAFKA_SECURITY_PROTOCOL is ssl or sasl_ssl";
        env.problem(NAME, expected, path.clone());
    } else {
        let expected = "a file of certificates in PEM";
        match fs::read_to_string(&path) {
            Ok(pem) if pem.contains("CERTIFICATE-----") => {}
            Ok(_) => env.problem(NAME, expected, format!("{path} (without a certificate)")),
            Err(error) => env.problem(NAME, expected, format!("{path} ({error})")),
        }
    }
    Some(path)
}

fn read_sasl(env: &mut Env<'_>, wanted: bool) -> Option<Sasl> {
    let given: Option<String> = env.optional("KAFKA_SASL_MECHANISM", MECHANISM_EXPECTED);
    let user: Option<String> = env.optional("KAFKA_USER", "a user");
    let password: Option<String> = env.optional("KAFKA_PASSWORD", "a password");
    if !wanted {
        let expected = "nothing, unless KAFKA_SECURITY_PROTOCOL is sasl_plaintext or sasl_ssl";
        for (name, given) in [("KAFKA_SASL_MECHANISM", given), ("KAFKA_USER", user)] {
            if let Some(given) = given {
                env.problem(name, expected, given);
            }
        }
        if password.is_some() {
            env.problem("KAFKA_PASSWORD", expected, "a password");
        }
        return None;
    }
    let mechanism = given.as_deref().and_then(|given| {
        ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(given))
    });
    if mechanism.is_none() {
        let given = given.unwrap_or_default();
        env.problem("KAFKA_SASL_MECHANISM", MECHANISM_EXPECTED, given);
    }
    if user.is_none() {
        env.problem("KAFKA_USER", "a user, because the protocol has SASL", "");
    }
    if password.is_none() {
        let expected = "a password, because the protocol has SASL";
        env.problem("KAFKA_PASSWORD", expected, "");
    }
    Some(Sasl {
        mechanism: mechanism?,
        user: user?,
        password: password?,
    })
}

/// Says a line of librdkafka in our log. What it repeats while brokers are away is said by whoever waits for them.
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
