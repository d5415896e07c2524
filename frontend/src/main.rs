//! The page and the gateway as a process of their own.

use std::process::ExitCode;
use std::sync::Arc;

use frontend::config::Config;
use gateway::{Deadlines, Reachable, Upstream, forward};
use serve::{App, BoxError, Function};

fn main() -> ExitCode {
    serve::main("frontend", Config::read, |config| async move {
        let Config {
            http,
            buy_url,
            query_url,
        } = config;
        let reachable = |name, upstream: &Upstream| {
            Arc::new(Reachable {
                name,
                upstream: upstream.clone(),
            })
        };
        let checks = [reachable("buy", &buy_url), reachable("query", &query_url)];
        let buy = forward(buy_url, Deadlines::default());
        let query = forward(query_url, Deadlines::default());
        let app = App::new("frontend", frontend::HINT, frontend::routes(buy, query))
            .openapi(frontend::OPENAPI);
        let app = checks.into_iter().fold(app, |app, check| app.ready(check));
        Ok::<_, BoxError>(Function::new(app, http))
    })
}
