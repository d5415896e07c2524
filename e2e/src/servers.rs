//! The broker and the mongod: those that all tests share, or a pair that one test may stop; and a proxy in between.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::app::client;
use testkit::services;

use crate::free_port;

/// A broker and a mongod.
pub struct Servers {
    pub kafka: String,
    pub mongodb: String,
    /// The broker's second listener, and the port to which it sends its clients back: for a proxy.
    pub kafka_proxied: String,
    pub kafka_proxy_port: u16,
    /// Of a pair of its own: what was started, and ends with this.
    own: Option<Own>,
}

/// Services in a folder of their own, which end with it.
struct Own(TempDir);

impl Servers {
    /// Those of the environment. Never stopped here.
    pub fn shared() -> Self {
        let (kafka_proxied, kafka_proxy_port) = services::kafka_behind_proxy();
        Self {
            kafka: services::kafka(),
            mongodb: services::mongodb(),
            kafka_proxied,
            kafka_proxy_port,
            own: None,
        }
    }

    /// A pair that nobody else uses.
    pub fn own() -> Self {
        Self::own_with(&[])
    }

    /// The same with other variables for `scripts/services.sh`.
    pub fn own_with(env: &[(&str, &str)]) -> Self {
        let own = Own::new();
        let said = own.run_with(&["up"], env);
        Self {
            kafka: value(&said, "KAFKA_BROKER"),
            mongodb: value(&said, "MONGODB_URI"),
            kafka_proxied: value(&said, "KAFKA_PROXIED"),
            // Of several brokers, the first one's.
            kafka_proxy_port: first(&value(&said, "KAFKA_PROXY_PORT")).parse().unwrap(),
            own: Some(own),
        }
    }

    pub fn are_own(&self) -> bool {
        self.own.is_some()
    }

    /// `scripts/services.sh` with these arguments; it waits until the command has done its work.
    pub fn run(&self, arguments: &[&str]) -> String {
        let own = self.own.as_ref().expect("only an own pair is touched");
        own.run_with(arguments, &[])
    }

    /// The same from async code.
    pub async fn run_async(self: &Arc<Self>, arguments: &'static [&'static str]) {
        let servers = self.clone();
        tokio::task::spawn_blocking(move || servers.run(arguments))
            .await
            .unwrap();
    }

    /// The process of a server, if it runs.
    pub fn pid_of(&self, server: &str) -> Option<i32> {
        let own = self.own.as_ref().expect("only an own pair is touched");
        let output = own.script(&["status", server], &[]);
        let said = String::from_utf8(output.stdout).unwrap();
        let (_, pid) = said.split_once("pid ").unwrap();
        pid.split(',').next().unwrap().parse().ok()
    }

    /// `host:port` of the mongod.
    pub fn mongodb_address(&self) -> &str {
        let (_, rest) = self.mongodb.split_once("://").unwrap();
        rest.split('/').next().unwrap()
    }
}

impl Own {
    fn new() -> Self {
        Self(tempfile::tempdir_in(scratch()).unwrap())
    }

    fn run_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> String {
        let output = self.script(arguments, env);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "services.sh {arguments:?}: {errors}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn script(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        Command::new("bash")
            .arg(repository().join("scripts/services.sh"))
            .args(arguments)
            .envs(env.iter().copied())
            .env("SERVICES_DIR", self.0.path().join("services"))
            .output()
            .unwrap()
    }
}

impl Drop for Own {
    /// Ends the processes; what it says about it matters no more.
    fn drop(&mut self) {
        let _ = self.script(&["down", "--wipe"], &[]);
    }
}

/// Where temporary folders go: on the disk of the build, because /tmp may be memory.
pub fn scratch() -> PathBuf {
    repository().join(".tools")
}

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn first(list: &str) -> &str {
    list.split(',').next().unwrap()
}

/// Of a line `export NAME='value'`.
fn value(said: &str, name: &str) -> String {
    let line = said.lines().find(|line| line.contains(&format!("{name}=")));
    let (_, value) = line.unwrap().split_once('=').unwrap();
    value.trim_matches('\'').to_owned()
}

/// A proxy whose connections can be made to fail.
pub struct Toxiproxy {
    url: String,
    _own: Own,
}

impl Toxiproxy {
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(|| {
            let own = Own::new();
            let said = own.run_with(&["up", "toxiproxy"], &[]);
            Self {
                url: value(&said, "TOXIPROXY_URL"),
                _own: own,
            }
        })
        .await
        .unwrap()
    }

    /// A new way to `upstream`; gives its address.
    pub async fn forward(&self, name: &str, upstream: &str) -> String {
        let listen = format!("127.0.0.1:{}", free_port());
        self.listen(name, &listen, upstream).await;
        listen
    }

    /// The way to a broker that leads its clients back to itself.
    pub async fn forward_kafka(&self, servers: &Servers) -> String {
        let listen = format!("127.0.0.1:{}", servers.kafka_proxy_port);
        self.listen("kafka", &listen, &servers.kafka_proxied).await;
        listen
    }

    async fn listen(&self, name: &str, listen: &str, upstream: &str) {
        let proxy = json!({"name": name, "listen": listen, "upstream": upstream, "enabled": true});
        self.post("/proxies", &proxy).await;
    }

    /// Makes all connections of a way fail like this, for what comes from the server or what goes to it.
    pub async fn poison(&self, name: &str, stream: &str, kind: &str, attributes: &Value) {
        let toxic = json!({
            "name": format!("{kind}-{stream}"), "type": kind, "stream": stream, "attributes": attributes,
        });
        self.post(&format!("/proxies/{name}/toxics"), &toxic).await;
    }

    /// Takes away all that made connections fail.
    pub async fn heal(&self) {
        self.post("/reset", &json!({})).await;
    }

    async fn post(&self, path: &str, body: &Value) {
        let request = client()
            .post(format!("{}{path}", self.url))
            .body(body.to_string());
        let answer = request
            .header("content-type", "application/json")
            .send()
            .await
            .unwrap();
        let status = answer.status();
        assert!(
            status.is_success(),
            "toxiproxy {path}: {status}: {}",
            answer.text().await.unwrap()
        );
    }
}
