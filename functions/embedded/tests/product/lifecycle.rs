//! Start and stop, as somebody at a terminal sees them.

use std::time::Duration;

use rustix::process::Signal;
use testkit::app::client;
use testkit::oracle::{self, Intent, Oracle, Outcome};
use testkit::process::Process;
use testkit::product::Product;

use crate::product::new_folder;

#[tokio::test]
async fn the_greeting_says_what_to_open_and_what_to_try_and_that_works() {
    let folder = new_folder();
    let product = Product::start(&folder).await;
    let said = product.process.said();
    assert!(
        said.contains(&folder.path().display().to_string()),
        "{said}"
    );
    let page = client()
        .get(format!("{}/", product.page))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("<title>User Buy List</title>")
    );
    for line in said
        .lines()
        .filter(|line| line.trim_start().starts_with("curl "))
    {
        let ran = std::process::Command::new("sh")
            .args([
                "-c",
                &format!("{} --silent --show-error --fail --max-time 10", line.trim()),
            ])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{line}: {ran:?}");
    }
    testkit::eventually("the purchase of the greeting", async || {
        let list = oracle::list(&client(), &product.page, "ada").await;
        list.first()
            .filter(|purchase| purchase.item == "tea")
            .cloned()
    })
    .await;
    product.stop().await;
}

#[tokio::test]
async fn a_second_start_on_the_same_data_says_so_plainly() {
    let folder = new_folder();
    let product = Product::start(&folder).await;
    let mut second = Process::start(&mut folder.command());
    let status = second.exit_status().await;
    assert_eq!(status.code(), Some(1));
    let said = second.line_with("already running").await;
    assert!(
        said.contains(&folder.path().display().to_string()),
        "{said}"
    );
    assert!(said.contains("--data-dir"), "{said}");
    // The first one noticed nothing.
    let bought = Oracle::default()
        .buy(&client(), &product.buy, &Intent::new("ada", true))
        .await;
    assert!(matches!(bought, Outcome::Accepted(_)));
    product.stop().await;
    // And the folder is free again.
    Product::start(&folder).await.stop().await;
}

#[tokio::test]
async fn ctrl_c_answers_what_is_in_flight_and_delivers_what_is_in_the_log() {
    let folder = new_folder();
    let mut product = Product::start(&folder).await;
    let oracle = Oracle::default();
    let client = client();
    let intents: Vec<_> = (0..200).map(|n| Intent::new("ada", n % 2 == 0)).collect();
    let buys = intents
        .iter()
        .map(|intent| oracle.buy(&client, &product.buy, intent));
    let buys = futures_util::future::join_all(buys);
    let signal = async {
        testkit::eventually("the first purchase", async || {
            (!oracle.promised().is_empty()).then_some(())
        })
        .await;
        product.process.signal(Signal::INT);
    };
    futures_util::future::join(buys, signal).await;
    let status = product.process.exit_status().await;
    assert_eq!(status.code(), Some(0), "{}", product.process.said());
    assert!(product.process.said().contains("Stopped."));
    assert_eq!(folder.count("log"), 0, "left undelivered");

    let again = Product::start(&folder).await;
    let verdict = oracle.judge(&[oracle::list(&client, &again.page, "ada").await]);
    println!("{verdict}");
    assert!(verdict.is_kept(), "{verdict:#?}");
    again.stop().await;
}

#[tokio::test]
async fn when_the_functions_ports_are_in_use_the_page_is_enough() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = new_folder();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_user-buy-list"));
    command
        .arg("--data-dir")
        .arg(folder.path())
        .args(["--port", "0", "--buy-port", &port]);
    command.args(["--storer-port", &port, "--query-port", &port]);
    let process = Process::start(&mut command);
    let page = process.line_with("page ").await;
    let page = page
        .split_whitespace()
        .last()
        .unwrap()
        .trim_end_matches('/');
    process.line_with(&format!("port {port} is in use")).await;
    let oracle = Oracle::default();
    let bought = oracle.buy(&client(), page, &Intent::new("ada", true)).await;
    assert!(matches!(bought, Outcome::Accepted(_)));
}

#[tokio::test]
async fn when_the_pages_port_is_in_use_it_says_which_and_how_to_choose_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = new_folder();
    let mut process = Process::start(folder.command().args(["--port", &port]));
    assert_ne!(process.exit_status().await.code(), Some(0));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_user-buy-list"));
    command
        .arg("--data-dir")
        .arg(folder.path())
        .args(["--port", &port]);
    let mut process = Process::start(&mut command);
    assert_eq!(process.exit_status().await.code(), Some(1));
    let said = process.line_with(&port).await;
    assert!(said.contains("--port"), "{said}");
}

#[tokio::test]
async fn bad_configuration_is_reported_all_at_once() {
    let folder = new_folder();
    let mut command = folder.command();
    command
        .env("HOST", "somewhere")
        .env("MAX_IN_FLIGHT", "many")
        .env("RUST_LOG", "=!=");
    let mut process = Process::start(&mut command);
    assert_eq!(process.exit_status().await.code(), Some(64));
    for variable in ["HOST", "MAX_IN_FLIGHT", "RUST_LOG"] {
        process.line_with(variable).await;
    }
    assert!(!folder.database().exists(), "nothing was touched");
}

/// The lock on the file belongs to the process, not to the file's presence.
#[tokio::test]
async fn a_killed_process_leaves_no_lock_behind() {
    let folder = new_folder();
    Product::start(&folder).await.process.kill();
    let started = std::time::Instant::now();
    Product::start(&folder).await.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
}
