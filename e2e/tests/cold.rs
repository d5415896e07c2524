//! A function that starts answers soon: beside a bare driver that does the same work, in turns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and shows what it measured"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Scene, Servers, path_of};
use testkit::PATIENCE;

const STARTS: usize = 30;
/// A round is measured whole; other work on the machine may spoil one.
const ROUNDS: usize = 3;

/// Ended with the measurement.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Started {
    Started(
        command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

/// From the start of the process to the line that says its work is done.
fn bare(example: &str, arguments: &[&str], line: &str) -> Duration {
    let begun = Instant::now();
    let mut command = Command::new(path_of(&format!("examples/{example}")));
    let mut bare = start(command.args(arguments).stdout(Stdio::piped()));
    let mut said = BufReader::new(bare.0.stdout.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().starts_with(line));
    begun.elapsed()
}

/// From the start of the process to the status line of its first answer.
fn function(name: &str, env: &[(&str, &str)], request: &str, status: &str) -> Duration {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let begun = Instant::now();
    let mut command = Command::new(path_of(name));
    command
        .env_clear()
        .envs(env.iter().copied())
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string());
    let _function = start(command.stdout(Stdio::null()));
    let mut connection = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(connection) => break connection,
            // As a proxy that waits for a pod does, and without taking the core that the function starts on.
            Err(_) => std::thread::park_timeout(Duration::from_micros(200)),
        }
        assert!(begun.elapsed() < PATIENCE, "{name} does not listen");
    };
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).unwrap();
    let took = begun.elapsed();
    assert_eq!(
        String::from_utf8_lossy(&answer),
        format!("HTTP/1.1 {status}")
    );
    took
}

#[derive(Debug)]
struct Times {
    median: Duration,
    worst: Duration,
}

fn times(mut all: Vec<Duration>) -> Times {
    all.sort();
    Times {
        median: all[all.len() / 2],
        worst: all[all.len() - 1],
    }
}

/// Both in turns, so that whatever else the machine does meets both.
fn compare(what: &str, function: impl Fn() -> Duration, bare: impl Fn() -> Duration) {
    // Once each, so that both programs are in memory.
    let _ = (function(), bare());
    for round in 1..=ROUNDS {
        let (functions, bares): (Vec<_>, Vec<_>) =
            (0..STARTS).map(|_| (function(), bare())).unzip();
        let (function, bare) = (times(functions), times(bares));
        println!("{what}, {STARTS} starts: {function:?}; bare driver: {bare:?}");
        if function.median <= 3 * bare.median && function.worst <= 3 * function.median {
            return;
        }
        assert!(
            round < ROUNDS,
            "{what} is slow: {function:?}, and a bare driver takes {bare:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_purchase_and_the_first_list_of_a_new_process_take_at_most_three_bare_drivers() {
    let scene = Scene::new(Servers::shared()).await;
    let (brokers, topic) = (scene.servers.kafka.clone(), scene.topic.clone());
    let uri = scene.mongodb_uri.clone();
    let measured = tokio::task::spawn_blocking(move || {
        let body = r#"{"username":"Cold","userid":"cold","item":"ice","price":1.5}"#;
        let post = format!(
            "POST /buy HTTP/1.1\r\nhost: buy\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let env = [
            ("KAFKA_BROKER", brokers.as_str()),
            ("PURCHASE_TOPIC", topic.as_str()),
        ];
        compare(
            "process start to first acknowledged 201",
            || function("buy", &env, &post, "201"),
            || bare("bare_produce", &[&brokers, &topic], "acknowledged"),
        );
        let get = "GET /getAllUserBuys/cold HTTP/1.1\r\nhost: query\r\n\r\n";
        compare(
            "process start to first list",
            || function("query", &[("MONGODB_URI", &uri)], get, "200"),
            || bare("bare_find", &[&uri], "found"),
        );
    });
    measured.await.unwrap();
}
