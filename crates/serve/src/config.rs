//! The variables that every HTTP function reads.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Env, Origins};

/// Ports that the sidecar of a Knative pod binds; a pod shares one network, so a second listener there fails or takes over
/// the sidecar's traffic.
const SIDECAR_PORTS: [u16; 6] = [8008, 8012, 8013, 8022, 9090, 9091];

/// Where and how a function listens.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub host: IpAddr,
    pub port: u16,
    /// A port of its own for `GET /metrics`.
    pub metrics_port: Option<u16>,
    /// How long connections are still accepted after the stop signal.
    pub drain_delay: Duration,
    /// Requests answered at the same time; one more gets 503.
    pub max_in_flight: usize,
    /// Whether `GET /metrics` is on the main port. Not under Knative: scraping through the service keeps it awake.
    pub metrics_on_main_port: bool,
    /// Pages on these origins may ask.
    pub cors_origins: Origins,
    /// Whether AWS Lambda started the process.
    pub on_lambda: bool,
}

impl HttpConfig {
    /// Reads HOST, PORT, METRICS_PORT, DRAIN_DELAY_MS, MAX_IN_FLIGHT and CORS_ORIGINS; K_SERVICE tells whether Knative is the
    /// host, AWS_LAMBDA_RUNTIME_API whether AWS Lambda is.
    pub fn read(
        env: &mut Env<'_>,
        default_host: IpAddr,
        default_port: u16,
        max_in_flight: usize,
    ) -> Self {
        const PORT: &str = "a port number from 0 to 65535";
        const AT_LEAST_ONE: &str = "a whole number of at least 1";

        let host = env.or("HOST", "an IP address such as 0.0.0.0 or ::", default_host);
        let port = env.or("PORT", PORT, default_port);
        let metrics_port: Option<u16> = env.optional("METRICS_PORT", PORT);
        let drain_delay_ms = env.or("DRAIN_DELAY_MS", "a number of milliseconds", 0_u32);
        let max_in_flight = env.or("MAX_IN_FLIGHT", AT_LEAST_ONE, max_in_flight);
        let cors_origins = env.or("CORS_ORIGINS", Origins::EXPECTED, Origins::default());
        let knative = env
            .optional::<String>("K_SERVICE", "a service name")
            .is_some();
        let on_lambda = env
            .optional::<String>("AWS_LAMBDA_RUNTIME_API", "a host and a port")
            .is_some();

        if max_in_flight == 0 {
            env.problem("MAX_IN_FLIGHT", AT_LEAST_ONE, "0");
        }
        if let Some(metrics) = metrics_port {
            if metrics == port && port != 0 {
                env.problem(
                    "METRICS_PORT",
                    "another port than PORT",
                    metrics.to_string(),
                );
            }
            if knative && SIDECAR_PORTS.contains(&metrics) {
                let expected = format!(
                    "a port that Knative's sidecar does not use (it uses {SIDECAR_PORTS:?})"
                );
                env.problem("METRICS_PORT", expected, metrics.to_string());
            }
        }
        Self {
            host,
            port,
            metrics_port,
            drain_delay: Duration::from_millis(drain_delay_ms.into()),
            max_in_flight,
            metrics_on_main_port: metrics_port.is_none() && !knative,
            cors_origins,
            on_lambda,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::EnvProblems;

    fn read(variables: &[(&str, &str)]) -> Result<HttpConfig, EnvProblems> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let config = HttpConfig::read(&mut env, Ipv4Addr::UNSPECIFIED.into(), 3000, 64);
        env.finish(config)
    }

    #[test]
    fn sidecar_ports_are_refused_under_knative_only() {
        for port in ["8008", "8012", "8013", "8022", "9090", "9091"] {
            assert!(read(&[("METRICS_PORT", port)]).is_ok());
            let refused = read(&[("METRICS_PORT", port), ("K_SERVICE", "buy")]).unwrap_err();
            assert_eq!(refused.0[0].name, "METRICS_PORT");
            assert_eq!(refused.0[0].arrived, port);
        }
        assert!(read(&[("METRICS_PORT", "9464"), ("K_SERVICE", "buy")]).is_ok());
    }

    #[test]
    fn the_metrics_port_is_another_than_the_main_port() {
        let refused = read(&[("METRICS_PORT", "3000")]).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("METRICS_PORT: expected another port than PORT")
        );
    }

    #[test]
    fn metrics_are_on_the_main_port_only_without_knative_and_without_a_port_of_their_own() {
        assert!(read(&[]).unwrap().metrics_on_main_port);
        assert!(
            !read(&[("METRICS_PORT", "9464")])
                .unwrap()
                .metrics_on_main_port
        );
        assert!(!read(&[("K_SERVICE", "buy")]).unwrap().metrics_on_main_port);
    }

    #[test]
    fn nothing_in_flight_at_all_is_refused() {
        assert!(read(&[("MAX_IN_FLIGHT", "0")]).is_err());
    }
}
