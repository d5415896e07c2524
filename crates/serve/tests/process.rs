//! A whole process: this program starts itself as the function under test and looks at its exit code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};

use axum::Router;
use axum::routing::get;
use rustix::process::{Pid, Signal, kill_process};
use serve::{App, BoxError, Env, Function, HttpConfig};

const CHILD: &str = "SERVE_TEST_CHILD";

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return serve::main("child", read, start);
    }
    bad_configuration_exits_with_64_and_names_every_variable();
    port_in_use_exits_with_1_and_names_the_variable();
    failed_start_exits_with_1_and_the_reason();
    sigterm_drains_and_exits_with_0();
    part_that_ends_takes_the_process_along_with_1_after_its_stop();
    metrics_have_a_port_of_their_own_when_asked_for();
    ExitCode::SUCCESS
}

struct Config {
    http: HttpConfig,
    fail: Option<String>,
    part_fails: Option<String>,
}

fn read(env: &mut Env<'_>) -> Config {
    Config {
        http: HttpConfig::read(env, Ipv4Addr::LOCALHOST.into(), 0, 8),
        fail: env.optional("FAIL", "a reason"),
        part_fails: env.optional("PART_FAILS", "a reason"),
    }
}

async fn start(config: Config) -> Result<Function, BoxError> {
    if let Some(reason) = config.fail {
        return Err(reason.into());
    }
    let routes = Router::new().route("/", get(async || "hello"));
    let stopped = async { tracing::info!("flushed") };
    let function = Function::new(App::new("child", "GET /", routes), config.http).on_stop(stopped);
    Ok(match config.part_fails {
        Some(reason) => function.failed(async { reason.into() }),
        None => function,
    })
}

fn child(variables: &[(&str, &str)]) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env(CHILD, "1")
        .envs(variables.iter().copied());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// Exit code and stderr of a child that ends by itself.
fn ended(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = child(variables).wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn bad_configuration_exits_with_64_and_names_every_variable() {
    let (code, errors) = ended(&[("PORT", "http"), ("HOST", "nowhere"), ("RUST_LOG", "a=b=c")]);
    assert_eq!(code, Some(64), "{errors}");
    for name in ["PORT", "HOST", "RUST_LOG"] {
        assert!(
            errors.contains(&format!("\n  {name}: expected ")),
            "{errors}"
        );
    }
}

fn port_in_use_exits_with_1_and_names_the_variable() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, errors) = ended(&[("PORT", &address.port().to_string())]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.starts_with(&format!("child: cannot listen on {address}: set PORT ")),
        "{errors}"
    );
}

fn failed_start_exits_with_1_and_the_reason() {
    let (code, errors) = ended(&[("FAIL", "no such file")]);
    assert_eq!(
        (code, errors.as_str()),
        (Some(1), "child: cannot start: no such file\n")
    );
}

fn part_that_ends_takes_the_process_along_with_1_after_its_stop() {
    let (code, errors) = ended(&[("PART_FAILS", "the poll stands still")]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("flushed"), "{errors}");
    let last = "child: a part of the function ended by itself: the poll stands still\n";
    assert!(errors.ends_with(last), "{errors}");
}

fn sigterm_drains_and_exits_with_0() {
    let mut child = child(&[]);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let address = listening(&mut log, "listening");
    assert!(ask(address, "/").ends_with("hello"));
    assert!(ask(address, "/metrics").starts_with("HTTP/1.1 200"));
    stop(child, log);
}

fn metrics_have_a_port_of_their_own_when_asked_for() {
    // Found free a moment ago; the child says so if another process was quicker.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut child = child(&[("METRICS_PORT", &free.port().to_string())]);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let address = listening(&mut log, "listening");
    assert!(ask(address, "/metrics").starts_with("HTTP/1.1 404"));
    assert!(ask(free, "/metrics").contains("http_server_active_requests"));
    stop(child, log);
}

fn listening(log: &mut impl BufRead, message: &str) -> SocketAddr {
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let event: serde_json::Value =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    assert_eq!(event["message"], message);
    event["address"].as_str().unwrap().parse().unwrap()
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn stop(mut child: Child, mut log: impl Read) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(
        rest.contains("flushed") && rest.contains("stopped"),
        "{rest}"
    );
}
