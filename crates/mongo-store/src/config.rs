//! Where MongoDB is, and how the driver is set.

use std::fmt;
use std::time::Duration;

use mongodb::options::{ClientOptions, ConnectionString};
use serve::Env;

use crate::error::MongoError;

const DEFAULT_URI: &str = "mongodb://localhost:27017/purchases";
const DEFAULT_DATABASE: &str = "purchases";

/// The driver waits 30 s for a server by default: longer than any caller of an HTTP function does.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Together with the connect timeout, how long a server that stands still goes unnoticed; then its connections are given up.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Calls at once, too: a call holds one connection. A pool grows only as far as it is used; with a smaller one, calls that
/// wait for each other cost more processor time each.
pub(crate) const POOL_MAX: u32 = 64;
/// The driver opens two at a time by default, which a burst after a cold start would wait for.
const CONNECTING_MAX: u32 = 4;

/// Which server and which database. Never shows its credentials.
#[derive(Clone)]
pub struct MongoConfig {
    connection: ConnectionString,
    shown: String,
}

impl MongoConfig {
    /// Reads MONGODB_URI. The path of the URI is the database, `purchases` when there is none.
    pub fn read(env: &mut Env<'_>) -> Self {
        let uri = env.or("MONGODB_URI", "", DEFAULT_URI.to_owned());
        Self::from_uri(&uri).unwrap_or_else(|_| {
            env.problem(
                "MONGODB_URI",
                "a MongoDB URI such as mongodb://user:password@host:27017/purchases (with %-escapes in user and password)",
                redact(&uri),
            );
            Self {
                connection: ConnectionString::default(),
                shown: String::new(),
            }
        })
    }

    /// From a connection string. What it says of timeouts, pool and retries stands; how durable a write is does not depend
    /// on it.
    pub fn from_uri(uri: &str) -> Result<Self, MongoError> {
        let shown = redact(uri);
        match ConnectionString::parse(uri) {
            Ok(connection) => Ok(Self { connection, shown }),
            // The driver's sentence may quote the part with the password.
            Err(_) => Err(MongoError::Uri(shown)),
        }
    }

    pub(crate) fn database(&self) -> String {
        let given = self.connection.default_database.clone();
        given.unwrap_or_else(|| DEFAULT_DATABASE.to_owned())
    }

    /// Looks up the servers when the URI is a `mongodb+srv` one; touches no network otherwise.
    pub(crate) async fn client_options(self) -> Result<ClientOptions, MongoError> {
        let mut options = ClientOptions::parse(self.connection).await?;
        let unset = |given: Option<Duration>, ours| given.or(Some(ours));
        options.server_selection_timeout =
            unset(options.server_selection_timeout, SERVER_SELECTION_TIMEOUT);
        options.connect_timeout = unset(options.connect_timeout, CONNECT_TIMEOUT);
        options.heartbeat_freq = unset(options.heartbeat_freq, HEARTBEAT);
        options.max_pool_size = options.max_pool_size.or(Some(POOL_MAX));
        options.max_connecting = options.max_connecting.or(Some(CONNECTING_MAX));
        options.app_name = options
            .app_name
            .or_else(|| Some("user-buy-list".to_owned()));
        Ok(options)
    }
}

impl fmt::Debug for MongoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MongoConfig").field(&self.shown).finish()
    }
}

/// A URI, however broken, without anything that may be a secret: user, password and the values of options.
fn redact(uri: &str) -> String {
    let (scheme, rest) = uri
        .split_once("://")
        .map_or((String::new(), uri), |(scheme, rest)| {
            (format!("{scheme}://"), rest)
        });
    // A password may hold any of @ / ? by mistake: only what follows the last @ is none of it, and even that only if a host
    // is there.
    let (user, rest) = match rest.rsplit_once('@') {
        None => ("", rest),
        Some((user, _)) if !is_user_and_password(user) => return format!("{scheme}***"),
        Some((_, rest)) => ("***@", rest),
    };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
    let hosts: Vec<_> = hosts.split(',').map(redact_host).collect();
    let mut shown = format!("{scheme}{user}{}", hosts.join(","));
    if !path.is_empty() {
        shown += &format!("/{path}");
    }
    if !options.is_empty() {
        let names = options
            .split('&')
            .map(|option| match option.split_once('=') {
                Some((name, _)) => format!("{name}=…"),
                None => "…".to_owned(),
            });
        shown += &format!("?{}", names.collect::<Vec<_>>().join("&"));
    }
    shown
}

/// Whether it can be what stands before the hosts: both with escapes where they need them.
fn is_user_and_password(text: &str) -> bool {
    let escapes = text.split('%').skip(1);
    let are_hexadecimal = |escape: &str| {
        let digits = escape.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    text.matches(':').count() <= 1
        && !text.contains(['@', '/', '?'])
        && escapes.into_iter().all(are_hexadecimal)
}

/// What stands where a port should is a password whose host was forgotten, and may have colons itself.
fn redact_host(host: &str) -> String {
    let parts = if host.starts_with('[') {
        host.rsplit_once(':')
    } else {
        host.split_once(':')
    };
    match parts {
        Some((name, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{name}:***")
        }
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: Option<&str>) -> Result<MongoConfig, String> {
        let lookup = |name: &str| uri.filter(|_| name == "MONGODB_URI").map(str::to_owned);
        let mut env = Env::new(&lookup);
        let config = MongoConfig::read(&mut env);
        env.finish(config).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_path_is_the_database() {
        assert_eq!(read(None).unwrap().database(), "purchases");
        for (uri, database) in [
            ("mongodb://localhost", "purchases"),
            ("mongodb://localhost/", "purchases"),
            ("mongodb://localhost/?w=1", "purchases"),
            ("mongodb://a,b:27018/shop?replicaSet=rs0", "shop"),
            ("mongodb+srv://cluster0.example.net/shop", "shop"),
        ] {
            assert_eq!(read(Some(uri)).unwrap().database(), database, "{uri}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        for uri in [
            "mongodb://ada:s3cret@host/purchases",
            "mongodb://ada:s3cret%40@host/purchases?authSource=admin",
            "mongodb://ada:s3cret/x@host",
            "mongodb://ada:s3cret?x@host",
            "mongodb://ada:s3cret@x@host",
            "mongodb://ada:#s3cret@host",
            "mongodb://ada:s3cret",
            "mongodb://ada:s3cret,host:1",
            "ada:s3cret@host",
            "ada:s3cret",
            "http://ada:s3cret@host",
            "mongodb://host/?proxyPassword=s3cret",
            "mongodb://host/?s3cret",
            "mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret",
        ] {
            let shown = match read(Some(uri)) {
                Ok(config) => format!("{config:?}"),
                Err(problems) => problems,
            };
            assert!(
                !shown.contains("s3cret") && !shown.contains("ada:s"),
                "{uri}: {shown}"
            );
            let parsed = MongoConfig::from_uri(uri);
            assert!(
                !format!("{parsed:?}").contains("s3cret"),
                "{uri}: {parsed:?}"
            );
        }
    }

    #[test]
    fn a_bad_uri_is_named_with_what_can_be_shown_of_it() {
        let problems = read(Some("mongodb://ada:s3cret@host:27017/shop?maxPoolsiz=3")).unwrap_err();
        assert!(
            problems.contains("MONGODB_URI: expected a MongoDB URI"),
            "{problems}"
        );
        assert!(
            problems.contains("mongodb://***@host:27017/shop?maxPoolsiz=…"),
            "{problems}"
        );
        for (uri, shown) in [
            ("mongodb://ada:s3:cr%et@part-of-it", "\"mongodb://***\""),
            ("mongodb://ada:s3:cr%et", "\"mongodb://ada:***\""),
            (
                "mongodb://[::1]:27017,[::1]:s3cret",
                "\"mongodb://[::1]:27017,[::1]:***\"",
            ),
        ] {
            let no_host = read(Some(uri)).unwrap_err();
            assert!(no_host.contains(shown), "{no_host}");
        }
        assert!(
            read(Some("localhost:27017"))
                .unwrap_err()
                .contains("\"localhost:27017\"")
        );
    }

    #[tokio::test]
    async fn what_the_uri_says_stands() {
        let uri = "mongodb://h/?maxPoolSize=2&connectTimeoutMS=7&serverSelectionTimeoutMS=8&heartbeatFrequencyMS=900&retryWrites=false&appName=mine";
        let options = MongoConfig::from_uri(uri)
            .unwrap()
            .client_options()
            .await
            .unwrap();
        let millis = |given: Option<Duration>| given.map(|given| given.as_millis());
        assert_eq!(options.max_pool_size, Some(2));
        assert_eq!(millis(options.connect_timeout), Some(7));
        assert_eq!(millis(options.server_selection_timeout), Some(8));
        assert_eq!(millis(options.heartbeat_freq), Some(900));
        assert_eq!(options.retry_writes, Some(false));
        assert_eq!(options.app_name.as_deref(), Some("mine"));
        let ours = MongoConfig::from_uri("mongodb://h")
            .unwrap()
            .client_options()
            .await
            .unwrap();
        assert_eq!(
            ours.server_selection_timeout,
            Some(SERVER_SELECTION_TIMEOUT)
        );
        assert_eq!(ours.max_pool_size, Some(POOL_MAX));
    }
}
