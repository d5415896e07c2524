//! The WebDriver protocol, as far as a browser test needs it: a few JSON requests to chromedriver.
//!
//! A client library would be more than this, and switch on features of `serde_json` for the whole build. Browser, driver and
//! profile end with the session.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use reqwest::{Client, Method};
use rustix::process::{Signal, geteuid, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::PATIENCE;
use testkit::app::client;
use testkit::process::Process;

use crate::scratch;

/// How WebDriver names the reference to an element.
pub(crate) const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser that does what it is told. It reaches 127.0.0.1 and nothing else.
pub(crate) struct Session {
    client: Client,
    url: String,
    _driver: Driver,
    _home: TempDir,
}

/// chromedriver, in a group of processes of its own with what it starts: a browser outlives a driver that is killed.
struct Driver(Process);

impl Session {
    pub(crate) async fn start() -> Self {
        // The driver does not find a browser whose folder is written with `..` in it.
        let home = tempfile::tempdir_in(scratch().canonicalize().unwrap()).unwrap();
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .env("HOME", home.path())
            .process_group(0);
        let driver = Driver(Process::start(&mut command));
        let line = driver.0.line_with("started successfully on port").await;
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap();
        let profile = format!("--user-data-dir={}", home.path().join("profile").display());
        let mut arguments = vec![
            "--headless=new",
            "--window-size=1000,1200",
            "--lang=en-US",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-sync",
            // Where /dev/shm is small, as in a container.
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            &profile,
        ];
        if geteuid().is_root() {
            arguments.push("--no-sandbox");
        }
        let wanted = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": PATIENCE.as_millis(), "pageLoad": PATIENCE.as_millis()},
            // A page that opens one has lost; the next command says so.
            "unhandledPromptBehavior": "ignore",
        });
        let client = client();
        let sessions = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({"capabilities": {"alwaysMatch": wanted}});
        let made = ask(&client, Method::POST, &sessions, &wanted).await;
        let made = made.unwrap_or_else(|problem| panic!("no Chromium: {problem}"));
        Self {
            client,
            url: format!("{sessions}/{}", made["sessionId"].as_str().unwrap()),
            _driver: driver,
            _home: home,
        }
    }

    /// A command; panics with what the driver says is wrong.
    pub(crate) async fn post(&self, command: &str, body: &Value) -> Value {
        let answer = self.try_post(command, body).await;
        answer.unwrap_or_else(|problem| panic!("{command}: {problem}"))
    }

    pub(crate) async fn try_post(&self, command: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{command}", self.url);
        ask(&self.client, Method::POST, &url, body).await
    }

    pub(crate) async fn try_get(&self, command: &str) -> Result<Value, String> {
        let url = format!("{}{command}", self.url);
        ask(&self.client, Method::GET, &url, &Value::Null).await
    }

    /// Closes the browser, and waits until it is gone; what does not close is killed.
    pub(crate) async fn end(self) {
        let _ = ask(&self.client, Method::DELETE, &self.url, &Value::Null).await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver itself has not been waited for yet, so the group is still this one.
        let _ = kill_process_group(self.0.pid(), Signal::KILL);
    }
}

/// One request to the driver: its value, or what it says is wrong.
async fn ask(client: &Client, method: Method, url: &str, body: &Value) -> Result<Value, String> {
    let mut request = client.request(method, url);
    if !body.is_null() {
        let json = ("content-type", "application/json");
        request = request.header(json.0, json.1).body(body.to_string());
    }
    let broken = |error: reqwest::Error| match error.is_timeout() {
        true => format!("the browser does not answer within {PATIENCE:?}"),
        false => error.to_string(),
    };
    let answer = request.send().await.map_err(broken)?;
    let is_done = answer.status().is_success();
    let text = answer.text().await.map_err(broken)?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|_| text)?;
    let value = answer["value"].take();
    if is_done {
        return Ok(value);
    }
    let message = value["message"].as_str().unwrap_or_default();
    Err(message.lines().next().unwrap_or_default().to_owned())
}
