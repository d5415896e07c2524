//! The page and the gateway as a process of their own.

use std::process::ExitCode;

use frontend::config::Config;
use frontend::gateway::{Deadlines, forward};
use serve::{App, BoxError, Function};

fn main() -> ExitCode {
    serve::main("frontend", Config::read, |config| async move {
        let buy = forward(config.buy_url, Deadlines::default());
        let query = forward(config.query_url, Deadlines::default());
        let app = App::new("frontend", frontend::HINT, frontend::routes(buy, query));
        Ok::<_, BoxError>(Function::new(app, config.http))
    })
}
