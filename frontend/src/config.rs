//! What the frontend reads from the environment.
//!
//! One base address serves deployments where buy also answers the list (`API_BASE`); otherwise buy and query are named each.

use std::net::{IpAddr, Ipv4Addr};

use gateway::Upstream;
use serve::{Env, HttpConfig};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const PORT: u16 = 8080;

/// Requests are streamed, so each costs some tens of kilobytes; query alone lets 1,000 clients wait for their purchase,
/// and those must not shut out the ones that buy.
const MAX_IN_FLIGHT: usize = 2_048;

#[derive(Debug)]
pub struct Config {
    pub http: HttpConfig,
    pub buy_url: Upstream,
    pub query_url: Upstream,
}

impl Config {
    pub fn read(env: &mut Env<'_>) -> Self {
        let http = HttpConfig::read(env, HOST, PORT, MAX_IN_FLIGHT);
        let [base, buy, query] = ["API_BASE", "BUY_URL", "QUERY_URL"]
            .map(|name| env.optional::<String>(name, "an address").is_some());
        for (name, set, other) in [("BUY_URL", buy, query), ("QUERY_URL", query, buy)] {
            if !set && other {
                env.problem(
                    name,
                    "an address, because BUY_URL and QUERY_URL go together",
                    "nothing",
                );
            }
        }
        if base && (buy || query) {
            env.problem(
                "API_BASE",
                "either API_BASE or BUY_URL with QUERY_URL",
                "both",
            );
        }
        let [base, buy, query] =
            ["API_BASE", "BUY_URL", "QUERY_URL"].map(|name| Upstream::read(env, name));
        let base = base.unwrap_or_else(|| Upstream::localhost(3000));
        Self {
            http,
            buy_url: buy.unwrap_or_else(|| base.clone()),
            query_url: query.unwrap_or(base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(one, _)| *one == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let config = Config::read(&mut env);
        env.finish(config).map_err(|problems| problems.to_string())
    }

    fn url(text: &str) -> Upstream {
        text.parse().unwrap()
    }

    #[test]
    fn defaults_are_those_of_the_design() {
        let config = read(&[("API_BASE", " "), ("BUY_URL", "")]).unwrap();
        assert_eq!((config.http.host, config.http.port), (HOST, 8080));
        assert_eq!(
            (config.buy_url, config.query_url),
            (url("http://localhost:3000"), url("http://localhost:3000"))
        );
    }

    #[test]
    fn one_base_serves_both_routes() {
        let config = read(&[("API_BASE", "http://buy.shop.svc/")]).unwrap();
        assert_eq!(
            (config.buy_url, config.query_url),
            (url("http://buy.shop.svc"), url("http://buy.shop.svc"))
        );
    }

    #[test]
    fn each_route_may_have_its_own_address() {
        let config = read(&[("BUY_URL", "http://buy:1"), ("QUERY_URL", "http://query:2")]).unwrap();
        assert_eq!(
            (config.buy_url, config.query_url),
            (url("http://buy:1"), url("http://query:2"))
        );
    }

    #[test]
    fn half_a_pair_is_a_problem() {
        assert!(
            read(&[("BUY_URL", "http://buy")])
                .unwrap_err()
                .contains("QUERY_URL")
        );
        assert!(
            read(&[("QUERY_URL", "http://query")])
                .unwrap_err()
                .contains("BUY_URL")
        );
    }

    #[test]
    fn base_and_pair_together_are_a_problem() {
        let all = [
            ("API_BASE", "http://a"),
            ("BUY_URL", "http://b"),
            ("QUERY_URL", "http://c"),
        ];
        assert!(read(&all).unwrap_err().contains("API_BASE"));
    }

    #[test]
    fn https_is_a_clear_problem() {
        let problem = read(&[("API_BASE", "https://buy")]).unwrap_err();
        assert!(
            problem.contains("https is not spoken") && problem.contains("an https address"),
            "{problem}"
        );
    }

    #[test]
    fn all_problems_come_together_and_show_no_password() {
        let problems = read(&[
            ("BUY_URL", "http://me:hunter2@buy"),
            ("QUERY_URL", "query:3002"),
        ])
        .unwrap_err();
        assert!(
            problems.contains("BUY_URL") && problems.contains("QUERY_URL"),
            "{problems}"
        );
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
