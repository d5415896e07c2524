//! A real Chromium, used as a person uses it: fields by their labels, buttons by their names, and what can be read on the page.
//!
//! Whatever is asked for is asked for again until it is there or [`PATIENCE`] ends, and a failure shows what could be read.
//! Nothing here knows the page.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testkit::PATIENCE;
use tokio::time::{Instant, sleep};

use crate::program::folder_of_programs;
use crate::scratch;
use crate::webdriver::{ELEMENT, Session};

/// Between two looks at the page; it only saves the processor.
const PAUSE: Duration = Duration::from_millis(5);

const BUTTONS: &str = "button, input[type=submit], [role=button]";
const FIELDS: &str = "input, textarea, select";

/// Those that may have the name: to ask a driver for the names of a thousand buttons takes seconds.
const NAMED: &str = "const [kind, name] = arguments;
    const may = (element) => element.tagName !== 'BUTTON' || element.ariaLabel || element.textContent.includes(name.split(' ')[0]);
    return [...document.querySelectorAll(kind)].filter(may)";

/// Keys as WebDriver writes them: Control+A and Control released, Tab, Enter.
const SELECT_ALL: &str = "\u{e009}a\u{e000}";
const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// No page has so many that a person would go on.
const STOPS_MAX: usize = 60;

/// A tab of a window.
pub struct Tab(Value);

/// One window with a profile of its own.
pub struct Browser {
    session: Session,
}

/// What axe-core says of the page as it is.
#[derive(Debug)]
pub struct Audit {
    /// Each with its rule and the elements.
    pub violations: Vec<String>,
    /// Rules that found something to look at, and held.
    pub held: u64,
}

impl Browser {
    pub async fn start() -> Self {
        let browser = Self {
            session: Session::start().await,
        };
        // Without it, being offline is nothing but a word to the page.
        browser.devtools("Network.enable", json!({})).await;
        browser
    }

    /// Goes to an address, and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.session.post("/url", &json!({"url": url})).await;
    }

    pub async fn reload(&self) {
        self.session.post("/refresh", &json!({})).await;
    }

    pub async fn back(&self) {
        self.session.post("/back", &json!({})).await;
    }

    /// Opens another tab of the same window and goes on in it; gives the tab it came from.
    pub async fn open_tab(&self) -> Tab {
        let here = self.session.try_get("/window").await.unwrap();
        let tab = json!({"type": "tab"});
        let new = self.session.post("/window/new", &tab).await;
        self.use_tab(&Tab(new["handle"].clone())).await;
        Tab(here)
    }

    /// Goes on in another tab.
    pub async fn use_tab(&self, tab: &Tab) {
        let handle = json!({"handle": tab.0});
        self.session.post("/window", &handle).await;
    }

    /// Whether pages that are opened from now on run their scripts.
    pub async fn run_scripts(&self, run: bool) {
        let disabled = json!({"value": !run});
        self.devtools("Emulation.setScriptExecutionDisabled", disabled)
            .await;
    }

    /// Everything that can be read on the page.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body?.innerText", json!([])).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page's text is as it should be, and gives it.
    pub async fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text().await;
            if holds(&text) {
                return text;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: not within {PATIENCE:?}; the page says:\n{text}"
            );
            sleep(PAUSE).await;
        }
    }

    /// Waits until these words can be read.
    pub async fn shows(&self, words: &str) {
        let what = format!("{words:?} on the page");
        self.until(&what, |text| text.contains(words)).await;
    }

    /// Writes into a field in place of what is there, as from a keyboard that has every character, and leaves the field.
    pub async fn fill(&self, label: &str, text: &str) {
        self.act(FIELDS, label, async |field| {
            let keys = format!("/element/{field}/value");
            self.session
                .try_post(&keys, &json!({"text": SELECT_ALL}))
                .await?;
            let insert = json!({"cmd": "Input.insertText", "params": {"text": text}});
            self.session.try_post("/goog/cdp/execute", &insert).await?;
            self.session.try_post(&keys, &json!({"text": TAB})).await
        })
        .await;
    }

    /// Presses Enter in a field.
    pub async fn enter(&self, label: &str) {
        self.act(FIELDS, label, async |field| {
            let keys = format!("/element/{field}/value");
            self.session.try_post(&keys, &json!({"text": ENTER})).await
        })
        .await;
    }

    /// Presses keys, wherever the focus is.
    pub async fn type_keys(&self, keys: &str) {
        let steps = keys.chars().flat_map(|key| {
            [
                json!({"type": "keyDown", "value": key}),
                json!({"type": "keyUp", "value": key}),
            ]
        });
        let steps: Vec<_> = steps.collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": steps});
        let actions = json!({"actions": [keyboard]});
        self.session.post("/actions", &actions).await;
    }

    /// Presses Tab until the focus is on what a person would call by this name.
    pub async fn tab_to(&self, name: &str) {
        let mut passed = Vec::new();
        while passed.len() < STOPS_MAX {
            self.type_keys(TAB).await;
            let active = self.session.try_get("/element/active").await.unwrap();
            let label = format!("/element/{}/computedlabel", text(&active[ELEMENT]));
            let label = self.session.try_get(&label).await.unwrap();
            if label == name {
                return;
            }
            passed.push(text(&label));
        }
        panic!("{name:?} is not reached by Tab; there are {passed:?}");
    }

    /// What a field holds.
    pub async fn value(&self, label: &str) -> String {
        let value = self.act(FIELDS, label, async |field| {
            self.session
                .try_get(&format!("/element/{field}/property/value"))
                .await
        });
        value.await.as_str().unwrap_or_default().to_owned()
    }

    pub async fn press(&self, button: &str) {
        self.act(BUTTONS, button, async |button| {
            let click = format!("/element/{button}/click");
            self.session.try_post(&click, &json!({})).await
        })
        .await;
    }

    /// As fast as a finger never is.
    pub async fn press_times(&self, button: &str, times: usize) {
        let press = [
            json!({"type": "pointerDown", "button": 0}),
            json!({"type": "pointerUp", "button": 0}),
        ];
        self.act(BUTTONS, button, async |button| {
            let there = json!({"type": "pointerMove", "origin": {ELEMENT: button}, "x": 0, "y": 0});
            let mut steps = vec![there];
            steps.extend(std::iter::repeat_n(press.clone(), times).flatten());
            let mouse = json!({"type": "pointer", "id": "mouse", "actions": steps});
            self.session
                .try_post("/actions", &json!({"actions": [mouse]}))
                .await
        })
        .await;
    }

    /// Chooses in a list by what can be read.
    pub async fn choose(&self, label: &str, option: &str) {
        let path = format!(".//option[normalize-space()=\"{option}\"]");
        let selector = json!({"using": "xpath", "value": path});
        self.act(FIELDS, label, async |field| {
            let options = format!("/element/{field}/element");
            let option = self.session.try_post(&options, &selector).await?;
            let click = format!("/element/{}/click", text(&option[ELEMENT]));
            self.session.try_post(&click, &json!({})).await
        })
        .await;
    }

    /// Whether there is such a button now.
    pub async fn offers(&self, button: &str) -> bool {
        self.find(BUTTONS, button).await.is_some()
    }

    /// Waits until there is such a button.
    pub async fn waits_for(&self, button: &str) {
        self.act(BUTTONS, button, async |_| Ok(Value::Null)).await;
    }

    /// Takes the network away from the page, or gives it back.
    pub async fn be_offline(&self, offline: bool) {
        let conditions = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.emulateNetworkConditions", conditions)
            .await;
    }

    /// Lets requests go out to addresses of this pattern, and keeps their answers from the page until they are given out.
    pub async fn keep_answers(&self, pattern: &str) {
        let patterns = json!([{"urlPattern": pattern, "requestStage": "Response"}]);
        self.devtools("Fetch.enable", json!({"patterns": patterns}))
            .await;
    }

    /// Gives out the answers that were kept, to those who still wait.
    pub async fn give_answers(&self) {
        self.devtools("Fetch.disable", json!({})).await;
    }

    /// What the browser has complained about since it was last asked: scripts that failed, a policy that was broken, files that
    /// are missing.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self
            .session
            .post("/se/log", &json!({"type": "browser"}))
            .await;
        let entries = entries.as_array().unwrap().iter();
        entries
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Asks axe-core. The driver's scripts are not subject to the page's policy, which stays as it is.
    pub async fn audit(&self) -> Audit {
        let file = scratch().join("axe.min.js");
        let axe = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; scripts/test.sh gets it", file.display()));
        self.run(&axe, json!([])).await;
        let run = "const done = arguments[0];
            axe.run(document).then(({ violations, passes }) => done([
              violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 200)).join(' ')}`),
              passes.length,
            ]), (failure) => done([[String(failure)], 0]));";
        let script = json!({"script": run, "args": []});
        let found = self.session.post("/execute/async", &script).await;
        let violations = found[0].as_array().unwrap().iter();
        Audit {
            violations: violations
                .map(|text| text.as_str().unwrap().to_owned())
                .collect(),
            held: found[1].as_u64().unwrap(),
        }
    }

    /// Keeps a picture of the window in the folder `screenshots` beside the programs.
    pub async fn picture(&self, name: &str) {
        let folder = folder_of_programs().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.session.try_get("/screenshot").await.unwrap();
        let picture = BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap();
        let file = folder.join(format!("{name}.png"));
        std::fs::write(file, picture).unwrap();
    }

    /// Runs a script in the page, past its policy; `arguments` is what it gets.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        let script = json!({"script": script, "args": arguments});
        self.session.post("/execute/sync", &script).await
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = json!({"cmd": command, "params": parameters});
        self.session.post("/goog/cdp/execute", &command).await
    }

    /// Closes it.
    pub async fn end(self) {
        self.session.end().await;
    }

    /// Finds an element that a person would call by this name, and does something with it.
    async fn act(
        &self,
        kind: &str,
        name: &str,
        act: impl AsyncFn(&str) -> Result<Value, String>,
    ) -> Value {
        let begun = Instant::now();
        loop {
            let problem = match self.find(kind, name).await {
                Some(element) => match act(&element).await {
                    Ok(value) => return value,
                    Err(problem) => problem,
                },
                None => "it is not there".to_owned(),
            };
            if begun.elapsed() > PATIENCE {
                panic!("{name:?}: {problem}; the page says:\n{}", self.text().await);
            }
            sleep(PAUSE).await;
        }
    }

    /// By the name that the browser itself computes for people who cannot see it; what is hidden has none.
    async fn find(&self, kind: &str, name: &str) -> Option<String> {
        let script = json!({"script": NAMED, "args": [kind, name]});
        let found = self.session.try_post("/execute/sync", &script).await.ok()?;
        for element in found.as_array()? {
            let element = element[ELEMENT].as_str()?;
            let label = format!("/element/{element}/computedlabel");
            if self.session.try_get(&label).await.ok()?.as_str() == Some(name) {
                return Some(element.to_owned());
            }
        }
        None
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
