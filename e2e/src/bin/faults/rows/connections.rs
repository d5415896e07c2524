//! More connections than a function has files for.
//!
//! What is over the cap waits in the kernel's backlog, at no cost, and is served when others have left. Of the gateway each
//! connection may need a second one, so there the files do run out: it refuses, and works again.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::{Program, Scene};
use futures_util::future::join_all;
use testkit::app::client;
use testkit::{eventually, raw};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::Case;
use super::functions::{Functions, purchase_of};
use super::wire::{Heard, say};
use crate::report::Report;

const FILES_MAX: u32 = 256;
/// Of the files, half are kept for everything but clients.
const CLIENTS_MAX: usize = 128;
const KEPT_MAX: usize = 16;
const CLIENTS: usize = 400;
const WATCHED: Duration = Duration::from_secs(3);
/// Of one processor. One that spins takes all that it can get, half of one on the busiest machine.
const BUSY_PERCENT_MAX: u64 = 15;
/// Once there is room.
const SERVED_WITHIN: Duration = Duration::from_secs(3);
/// Some that were opened for the work itself stay open.
const LEFT_OPEN_MAX: usize = 24;

/// Row 24.
pub(crate) async fn too_many(case: Case) -> Vec<Report> {
    let mut scene = Scene::on(case.servers.clone()).await;
    scene.surroundings.files_max = Some(FILES_MAX);
    let functions = Functions::on(scene).await;
    let each = functions.each();
    let mut reports = join_all(each.map(|(name, program)| crowd(name, program))).await;
    let gateway = reports
        .iter()
        .position(|report| report.road == "frontend")
        .unwrap();
    let report = reports.remove(gateway);
    reports.insert(gateway, exhaust(report, &functions.stack.frontend).await);
    functions.stop(reports).await
}

/// Clients that begin a request and say no more.
async fn hogs(address: SocketAddr, count: usize, request: &[u8]) -> Vec<TcpStream> {
    let connect = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // One that is not accepted may be refused already.
        let _ = stream.write_all(request).await;
        stream
    };
    join_all((0..count).map(|_| connect())).await
}

async fn crowd(name: &'static str, program: &Program) -> Report {
    let before = program.open_files();
    let hogs = hogs(program.address(), CLIENTS, b"GET /health HTTP/1.1\r\n").await;
    // Connections that others keep take some of the places.
    let taken = eventually("a full house", async || {
        let taken = program.open_files().saturating_sub(before);
        (taken >= CLIENTS_MAX - KEPT_MAX).then_some(taken)
    })
    .await;
    // The next one waits for its turn meanwhile.
    let address = program.address();
    let late = tokio::spawn(async move { say(address, &honest(name)).await });
    let busy = busy_percent(program).await;
    let waited = !late.is_finished();
    let open = program.open_files();
    let left = Instant::now();
    drop(hogs);
    let served = late.await.unwrap();
    let took = left.elapsed();
    Report::new(24, name)
        .expect(taken <= CLIENTS_MAX, || {
            format!("{taken} connections were taken, and {CLIENTS_MAX} is the cap")
        })
        .expect(open < FILES_MAX as usize, || {
            format!("{open} files are open")
        })
        .expect(busy <= BUSY_PERCENT_MAX, || {
            format!("{busy} % of a processor while nobody said anything")
        })
        .expect(waited, || "the one too many was served at once".to_owned())
        .expect(is_served(&served), || {
            format!("the one too many: {:?}", served.statuses())
        })
        .within("to serve the one too many", took, SERVED_WITHIN)
        .expect(is_as_before(program, before).await, || {
            format!("{} files are open", program.open_files())
        })
        .evidence("queued", (CLIENTS - taken) as u64)
        .evidence("served late", u64::from(waited && is_served(&served)))
}

/// Purchases that stop in the middle, each with a connection of the gateway's own.
async fn exhaust(report: Report, frontend: &Program) -> Report {
    let before = frontend.open_files();
    let mut request = raw::head(
        "POST /buy",
        &["Content-Type: application/json", "Content-Length: 100"],
    );
    request.push(b'{');
    let hogs = hogs(frontend.address(), CLIENTS, &request).await;
    eventually("the last file", async || {
        (frontend.open_files() + 2 >= FILES_MAX as usize).then_some(())
    })
    .await;
    let busy = busy_percent(frontend).await;
    let said = frontend.said();
    let refused = said
        .lines()
        .filter(|line| line.contains("os error 24"))
        .count();
    drop(hogs);
    let back = is_as_before(frontend, before).await;
    let served = say(frontend.address(), &honest("frontend")).await;
    report
        .expect(busy <= BUSY_PERCENT_MAX, || {
            format!("{busy} % of a processor without files")
        })
        .expect(back, || format!("{} files are open", frontend.open_files()))
        .expect(is_served(&served), || {
            format!("after it: {:?}", served.statuses())
        })
        // One each 100 ms, and one for each client.
        .expect(refused <= CLIENTS + 100, || {
            format!("{refused} lines about it")
        })
        .evidence("no file left", refused as u64)
}

async fn busy_percent(program: &Program) -> u64 {
    // What was begun before is done.
    sleep(Duration::from_millis(300)).await;
    let (begun, ticks) = (Instant::now(), program.cpu_ticks());
    sleep(WATCHED).await;
    let hundredths = begun.elapsed().as_millis() / 10;
    (program.cpu_ticks() - ticks) * 100 / u64::try_from(hundredths).unwrap()
}

async fn is_as_before(program: &Program, before: usize) -> bool {
    let health = format!("{}/health", program.url());
    eventually("an idle function", async || {
        let healthy = client().get(&health).send().await.ok()?.status() == 200;
        (healthy && program.open_files() <= before + LEFT_OPEN_MAX).then_some(true)
    })
    .await
}

/// What a function is there for.
fn honest(name: &str) -> Vec<u8> {
    let line = match name {
        "query" => return raw::head("GET /getAllUserBuys/ada", &[]),
        "storer" | "consumer" => "POST /purchases",
        _ => "POST /buy",
    };
    raw::request(
        line,
        &["Content-Type: application/json"],
        purchase_of("ada"),
    )
}

fn is_served(heard: &Heard) -> bool {
    matches!(heard.status(), Some(200 | 201))
}
