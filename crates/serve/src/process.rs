//! One bootstrap for the mains of all functions: configuration, telemetry, runtime, server, drain, exit code.
//!
//! It is the only place that touches the process environment.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{error, info};

use crate::host::{Host, ListenError};
use crate::problem::chain;
use crate::{
    App, BoxError, EXIT_CONFIG, Env, EnvProblems, HttpConfig, init_telemetry, server, stop_signal,
};

/// How long threads that block are waited for at the very end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(1);

/// What a main hands over: the app, where it listens, and what is left to do after the last answer.
pub struct Function {
    app: App,
    http: HttpConfig,
    beside_the_drain: Pin<Box<dyn Future<Output = ()> + Send>>,
    on_stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    failed: Pin<Box<dyn Future<Output = BoxError> + Send>>,
}

impl Function {
    pub fn new(app: App, http: HttpConfig) -> Self {
        Self {
            app,
            http,
            beside_the_drain: Box::pin(async {}),
            on_stop: Box::pin(async {}),
            failed: Box::pin(std::future::pending()),
        }
    }

    /// Runs from the stop signal on, while requests in flight are answered: what does not depend on them need not wait for
    /// them. It bounds itself.
    pub fn beside_the_drain(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.beside_the_drain = Box::pin(stop);
        self
    }

    /// Runs after the drain, before the process ends: flush a producer, stop a task. It bounds itself.
    pub fn on_stop(mut self, on_stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.on_stop = Box::pin(on_stop);
        self
    }

    /// Resolves when a part of the function ends that should not: the process then drains, stops and leaves with exit
    /// code 1, because one that looks alive and does half its work is worse than one that is restarted.
    pub fn failed(mut self, failed: impl Future<Output = BoxError> + Send + 'static) -> Self {
        self.failed = Box::pin(failed);
        self
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] EnvProblems),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Run(BoxError),
}

#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("cannot start")]
    Start(#[source] BoxError),
    #[error("a part of the function ended by itself")]
    Failed(#[source] BoxError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the host takes no more answers")]
    Hosted(#[source] BoxError),
}

/// The main of a function with one server: reads the configuration, starts telemetry and the runtime, serves until the stop
/// signal, drains.
///
/// Exit code 0 after a stop, [`EXIT_CONFIG`] with all problems on stderr for bad configuration or any argument, 1 with a
/// sentence on stderr for everything else.
pub fn main<C, F, Fut, E>(name: &'static str, read: fn(&mut Env<'_>) -> C, start: F) -> ExitCode
where
    F: FnOnce(C) -> Fut,
    Fut: Future<Output = Result<Function, E>>,
    E: Into<BoxError>,
{
    if std::env::args_os().nth(1).is_some() {
        let usage = "takes no arguments; it is configured by environment variables, see the README";
        let _ = writeln!(io::stderr(), "{name} {usage}");
        return ExitCode::from(EXIT_CONFIG);
    }
    boot(name, read, async |config| {
        let mut stop = pin!(stop_signal());
        let function = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            function = start(config) => {
                function.map_err(|error| ServeError::Start(error.into()))?
            }
        };
        serve(name, function, stop).await
    })
}

/// The main of a process that serves in its own way: like [`main`], but `run` does all between start and end.
pub fn boot<C, E>(
    name: &'static str,
    read: impl FnOnce(&mut Env<'_>) -> C,
    run: impl AsyncFnOnce(C) -> Result<(), E>,
) -> ExitCode
where
    E: Into<BoxError>,
{
    match try_boot(read, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not a log line: nobody may be collecting logs yet, and a person should read this first.
            let _ = writeln!(io::stderr(), "{name}: {}", chain(&failure));
            match failure {
                Failure::Config(_) => ExitCode::from(EXIT_CONFIG),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn try_boot<C, E>(
    read: impl FnOnce(&mut Env<'_>) -> C,
    run: impl AsyncFnOnce(C) -> Result<(), E>,
) -> Result<(), Failure>
where
    E: Into<BoxError>,
{
    // Lossy, so that a value that is not UTF-8 is reported as a bad value and not taken for unset.
    let lookup = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let mut env = Env::new(&lookup);
    init_telemetry(&mut env);
    let config = read(&mut env);
    let config = env.finish(config)?;
    server::raise_descriptor_limit();

    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build().map_err(Failure::Runtime)?;
    let ended = runtime.block_on(run(config));
    // Whatever blocks a thread now, a name look-up or a hung disk, must not outlive the grace time.
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    ended.map_err(|error| Failure::Run(error.into()))
}

async fn serve(
    name: &'static str,
    function: Function,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Function {
        app,
        http,
        beside_the_drain,
        on_stop,
        failed,
    } = function;
    let host = Host::choose(name, &http, &app)?;
    let app = app
        .max_in_flight(http.max_in_flight)
        .origins(http.cors_origins);
    let app = if http.metrics_on_main_port {
        app.expose_metrics()
    } else {
        app
    };

    let mut failure = None;
    let (ending, ended) = oneshot::channel::<()>();
    let end = async {
        tokio::select! {
            () = stop => {}
            error = failed => {
                error!(function = name, %error, "stopping, because a part of the function ended");
                failure = Some(error);
            }
        }
        drop(ending);
    };
    let beside = async {
        // Nothing is sent: the end is that the sender goes.
        let _ = ended.await;
        beside_the_drain.await;
    };
    let (hosted, ()) = tokio::join!(host.run(app.build(), end), beside);
    on_stop.await;
    info!(function = name, "stopped");
    match failure {
        None => hosted.map_err(ServeError::Hosted),
        Some(error) => Err(ServeError::Failed(error)),
    }
}
