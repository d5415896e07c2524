//! Passwords in the environment: right, wrong, and where none belongs. Nothing that a program prints or answers has one in it.

use std::process::Command;
use std::time::Duration;

use e2e::{Program, Scene, path_of};
use futures_util::future::join_all;
use mongodb::bson::doc;
use rustix::process::Signal;
use testkit::process::Process;
use testkit::random::Random;
use testkit::{eventually, raw, services};
use tokio::time::timeout;

use super::Case;
use super::functions::{Functions, purchase_of};
use super::wire::{base64, say};
use crate::report::Report;

const JSON: &str = "Content-Type: application/json";
/// As long as a function may wait for a server that refuses it.
const ANSWER_MAX: Duration = Duration::from_secs(12);

/// Row 34.
pub(crate) async fn secret(mut case: Case) -> Vec<Report> {
    let scene = Scene::on(case.servers.clone()).await;
    let (kafka, user, kafka_password) = services::kafka_secured();
    let mut heard = Heard::default();
    heard.keeps(user, kafka_password);

    // What the servers take.
    let password = password(&mut case.random);
    create_user(&scene, "ada", &password).await;
    heard.keeps("ada", &password);
    let right = secured(&scene, &kafka, (user, kafka_password), ("ada", &password));
    let functions = Functions::on(right).await;
    for (name, program) in everybody(&functions) {
        heard.ask(name, program).await;
        heard.listen(name, &program.said());
    }
    let report = functions.stop(vec![Report::new(34, "-")]).await.remove(0);

    // What they refuse.
    let [mine, theirs] = [(); 2].map(|()| self::password(&mut case.random));
    heard.keeps(user, &mine);
    heard.keeps("ada", &theirs);
    let wrong = secured(&scene, &kafka, (user, &mine), ("ada", &theirs));
    let (buy, storer) = (wrong.buy("http://127.0.0.1:1").await, wrong.storer().await);
    let (query, consumer) = (wrong.query().await, wrong.consumer().await);
    let source = wrong.source(&storer.url(), &[]).await;
    let refused = [
        ("buy", buy),
        ("storer", storer),
        ("query", query),
        ("consumer", consumer),
        ("kafka-source", source),
    ];
    for (_, program) in &refused {
        let line = "uthentication";
        eventually("a refusal", async || {
            program.said().contains(line).then_some(())
        })
        .await;
        heard.refusals += program.said().matches(line).count() as u64;
    }
    // Those of them that wait for a server wait at the same time.
    let bodies = join_all(refused.iter().map(|(name, program)| ask(name, program))).await;
    heard.bodies.extend(bodies.into_iter().flatten());
    for (name, program) in refused {
        heard.listen(name, &program.said());
        program.stop().await;
    }

    // What is no configuration, and what asks for none.
    // Without an @: what follows one is a host to everybody.
    let secret = self::password(&mut case.random).replace('@', "");
    heard.keeps("ada", &secret);
    let mut complaints = 0;
    for some in misplaced(&secret).chunks(8) {
        let ended = some.iter().map(|(name, env)| run_to_end(name, &[], env));
        for ((name, _), (code, said)) in some.iter().zip(join_all(ended).await) {
            complaints += u64::from(code == Some(64));
            heard.listen(name, &said);
        }
    }
    let env = [
        ("KAFKA_PASSWORD", secret.clone()),
        ("MONGODB_URI", format!("mongodb://ada:{secret}@h/x")),
    ];
    for name in [
        "buy",
        "storer",
        "query",
        "consumer",
        "frontend",
        "kafka-source",
        "user-buy-list",
    ] {
        let (_, said) = run_to_end(name, &["--help"], &env).await;
        heard.listen(name, &said);
    }
    let leaks = heard.leaks();
    vec![
        report
            .expect(leaks.is_empty(), || leaks.join("\n"))
            .evidence("lines", heard.lines.len() as u64)
            .evidence("bodies", heard.bodies.len() as u64)
            .evidence("refusals of the servers", heard.refusals)
            .evidence("complaints", complaints),
    ]
}

/// Everything that was printed or answered, and what must not be in it.
#[derive(Default)]
struct Heard {
    secrets: Vec<String>,
    lines: Vec<(&'static str, String)>,
    bodies: Vec<(&'static str, String)>,
    refusals: u64,
}

impl Heard {
    /// A password, or those parts of it that stay what they are however it is escaped or cut; and both in base64.
    fn keeps(&mut self, user: &str, password: &str) {
        let parts = password.split(|c: char| !c.is_ascii_hexdigit());
        let parts: Vec<_> = parts.filter(|part| part.len() == 8).collect();
        let parts = if parts.is_empty() {
            vec![password]
        } else {
            parts
        };
        self.secrets.extend(parts.into_iter().map(str::to_owned));
        let sasl = format!("\0{user}\0{password}");
        self.secrets
            .extend([password, &sasl].map(|text| base64(text.as_bytes())));
    }

    fn listen(&mut self, name: &'static str, said: &str) {
        self.lines
            .extend(said.lines().map(|line| (name, line.to_owned())));
    }

    async fn ask(&mut self, name: &'static str, program: &Program) {
        self.bodies.extend(ask(name, program).await);
    }

    fn leaks(&self) -> Vec<String> {
        let texts = self.lines.iter().chain(&self.bodies);
        let leak = |(name, text): &(&'static str, String)| {
            let secret = self.secrets.iter().find(|secret| text.contains(*secret))?;
            let shown = text.replace(secret, "[the secret]");
            Some(format!(
                "{name}: {}",
                shown.chars().take(300).collect::<String>()
            ))
        };
        texts.filter_map(leak).collect()
    }
}

/// Whatever a program answers, heads included.
async fn ask(name: &'static str, program: &Program) -> Vec<(&'static str, String)> {
    let purchase = purchase_of("ada");
    let mut requests: Vec<_> = [
        "GET /ready",
        "GET /health",
        "GET /metrics",
        "GET /openapi.json",
        "GET /nowhere",
        "GET /",
        "DELETE /buy",
        "GET /getAllUserBuys/ada",
        "GET /purchases",
        "GET /getAllUserBuys/ada?limit=x",
    ]
    .map(|line| raw::head(line, &[]))
    .into();
    for line in ["POST /buy", "POST /purchases", "POST /"] {
        requests.push(raw::request(line, &[JSON], &purchase));
        requests.push(raw::request(line, &[JSON], "{"));
    }
    let event = [
        "ce-specversion: 1.0",
        "ce-id: 1",
        "ce-source: /x",
        "ce-time: 2026-01-31T12:00:00Z",
    ];
    let kind = "ce-type: dev.userbuylist.purchase.recorded.v1";
    requests.push(raw::request(
        "POST /",
        &[&event[..], &[kind, JSON]].concat(),
        &purchase,
    ));
    let asked = requests.iter().map(async |request| {
        let heard = timeout(ANSWER_MAX, say(program.address(), request)).await;
        heard.map_or_else(
            |_| String::new(),
            |heard| String::from_utf8_lossy(&heard.bytes).into_owned(),
        )
    });
    join_all(asked)
        .await
        .into_iter()
        .map(|body| (name, body))
        .collect()
}

fn everybody(functions: &Functions) -> Vec<(&'static str, &Program)> {
    let source = ("kafka-source", &functions.stack.delivery[0]);
    functions.each().into_iter().chain([source]).collect()
}

/// The same scene with passwords, and with programs that say all that they can say.
fn secured(
    scene: &Scene,
    kafka: &str,
    (user, password): (&str, &str),
    (name, theirs): (&str, &str),
) -> Scene {
    let mut secured = scene.clone();
    secured.brokers = kafka.to_owned();
    let (scheme, rest) = scene.mongodb_uri.split_once("://").unwrap();
    let (database, theirs) = (&scene.database, escaped(theirs));
    secured.mongodb_uri = format!("{scheme}://{name}:{theirs}@{rest}&authSource={database}");
    secured.surroundings.env = [
        ("RUST_LOG", "trace"),
        ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_USER", user),
        ("KAFKA_PASSWORD", password),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    secured
}

async fn create_user(scene: &Scene, name: &str, password: &str) {
    let client = mongodb::Client::with_uri_str(&scene.mongodb_uri)
        .await
        .unwrap();
    let command = doc! {"createUser": name, "pwd": password, "roles": ["readWrite"]};
    client
        .database(&scene.database)
        .run_command(command)
        .await
        .unwrap();
}

/// Passwords where none may be, or in what is no address.
fn misplaced(secret: &str) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let uri = |uri: &str| uri.replace("SECRET", secret);
    let mut misplaced = Vec::new();
    for program in ["storer", "query", "consumer"] {
        for given in [
            "mongodb://ada:SECRET@",
            "mongodb://ada:SECRET",
            "mongodb://ada:SECRET@host:port/shop",
            "mongodb://ada:S/SECRET@host/shop",
            "mongodb://ada:S@SECRET@host/shop",
            "mongodb://ada:SECRET@host/shop?maxPoolSize=many",
            "mongodb://host/shop?password=SECRET",
            "mongodb+srv://ada:SECRET@127.0.0.1/shop",
            "http://ada:SECRET@host/shop",
            "ada:SECRET@host",
        ] {
            misplaced.push((program, vec![("MONGODB_URI", uri(given))]));
        }
    }
    for program in ["buy", "consumer", "kafka-source"] {
        for given in [
            "shop:SECRET@host:9092",
            "sasl://shop:SECRET@host:9092",
            "host:9092,shop:SECRET@host:9093",
            "SECRET@host:9092",
        ] {
            misplaced.push((program, vec![("KAFKA_BROKER", uri(given))]));
        }
        for protocol in ["", "plaintext", "SASL", "sasl_plaintext"] {
            misplaced.push((
                program,
                vec![
                    ("KAFKA_SECURITY_PROTOCOL", protocol.to_owned()),
                    ("KAFKA_SASL_MECHANISM", "GSSAPI".to_owned()),
                    ("KAFKA_PASSWORD", secret.to_owned()),
                ],
            ));
        }
    }
    for (program, variable) in [
        ("buy", "CUSTOMER_MANAGEMENT_URL"),
        ("frontend", "API_BASE"),
        ("frontend", "BUY_URL"),
        ("frontend", "QUERY_URL"),
        ("kafka-source", "SINK"),
        ("kafka-source", "DEAD_LETTER_SINK"),
    ] {
        let mut addresses = vec![
            "http://ada:SECRET@host",
            "https://ada:SECRET@host/",
            "ada:SECRET@host:80",
        ];
        if program != "kafka-source" {
            // A sink may have a query; it is part of its name.
            addresses.push("http://host/?password=SECRET");
        }
        let given = addresses.into_iter().map(uri);
        misplaced.extend(given.map(|given| (program, vec![(variable, given)])));
    }
    misplaced
}

/// Its exit code and what it said; one that does not mind what it was given is stopped.
async fn run_to_end(
    name: &str,
    arguments: &[&str],
    env: &[(&'static str, String)],
) -> (Option<i32>, String) {
    let mut command = Command::new(path_of(name));
    command
        .args(arguments)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)));
    command.env("HOST", "127.0.0.1").env("PORT", "0");
    let mut process = Process::start(&mut command);
    let status = match timeout(Duration::from_secs(1), process.exit_status()).await {
        Ok(status) => status,
        Err(_) => {
            process.signal(Signal::TERM);
            process.exit_status().await
        }
    };
    (status.code(), process.said())
}

/// Nobody's, and with what an address cannot carry as it is.
fn password(random: &mut Random) -> String {
    format!(
        "pass%{:08x}:w@rd-{:08x}",
        random.number() >> 32,
        random.number() >> 32
    )
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let spell = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(spell).collect()
}
