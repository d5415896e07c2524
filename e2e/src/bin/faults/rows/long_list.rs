//! A list of 100,000 purchases, read at once and read slowly: no function holds it.

use std::time::Duration;

use e2e::Program;
use futures_util::future::join_all;
use serde_json::Value;
use testkit::app::client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::sleep;

use super::Case;
use super::functions::Functions;
use super::purchases::{self, MANY};
use crate::report::Report;

const GROWTH_KIB_MAX: u64 = 16 * 1024;
/// A client that takes nothing for so long, and then a little at a time.
const PAUSE: Duration = Duration::from_secs(2);
const SIP: usize = 64 * 1024;
const BETWEEN_SIPS: Duration = Duration::from_millis(8);

/// Row 32.
pub(crate) async fn long(case: Case) -> Vec<Report> {
    let functions = Functions::start(&case.servers).await;
    purchases::insert(&functions.scene, "rich", MANY).await;
    let readers = || {
        let each = functions.each().into_iter();
        each.filter(|(name, _)| *name != "storer")
    };
    let idle: Vec<_> = readers().map(|(_, program)| program.rss_kib()).collect();
    let mut reports = Vec::new();
    for (name, program) in readers() {
        let whole = client()
            .get(address_of(program))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let report = Report::new(32, name)
            .evidence("MiB", whole.len() as u64 >> 20)
            .evidence("listed", MANY.unsigned_abs());
        reports.push(checked(report, "at once", &whole));
    }
    // All at the same time: what query holds for each is little, too.
    let slow = join_all(readers().map(|(_, program)| read_slowly(program))).await;
    let reports = reports.into_iter().zip(slow).zip(readers().zip(idle));
    let reports: Vec<_> = reports
        .map(|((report, (whole, held)), ((_, program), idle))| {
            let growth = program.rss_peak_kib().saturating_sub(idle);
            checked(report, "slowly", &whole)
                .expect(growth <= GROWTH_KIB_MAX, || {
                    format!("it grew by {growth} KiB")
                })
                .evidence("held back", held)
        })
        .collect();
    functions.stop(reports).await
}

fn address_of(program: &Program) -> String {
    format!("{}/getAllUserBuys/rich", program.url())
}

/// The whole list, and how many lists the function was in the middle of while nobody took anything.
async fn read_slowly(program: &Program) -> (Vec<u8>, u64) {
    let socket = TcpSocket::new_v4().unwrap();
    // Else the kernel takes all of it for us.
    socket.set_recv_buffer_size(SIP as u32).unwrap();
    let mut stream = socket.connect(program.address()).await.unwrap();
    // Of HTTP/1.0 a body comes as it is, and ends with its connection.
    let request = b"GET /getAllUserBuys/rich HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut whole = vec![0; SIP];
    let first = stream.read(&mut whole).await.unwrap();
    whole.truncate(first);
    sleep(PAUSE).await;
    let active = program.metric("http_server_active_requests").await;
    let mut sip = vec![0; SIP];
    loop {
        let taken = stream.read(&mut sip).await.unwrap();
        if taken == 0 {
            break;
        }
        whole.extend_from_slice(&sip[..taken]);
        sleep(BETWEEN_SIPS).await;
    }
    let end = whole.windows(4).position(|window| window == b"\r\n\r\n");
    whole.drain(..end.map_or(0, |end| end + 4));
    (whole, active)
}

/// Complete, and in its order.
fn checked(report: Report, how: &str, whole: &[u8]) -> Report {
    let list: Value = serde_json::from_slice(whole).unwrap_or_default();
    let ids = list.as_array().into_iter().flatten();
    let ids: Vec<_> = ids
        .map(|one| one["id"].as_str().unwrap_or_default())
        .collect();
    let expected = (0..MANY).rev().map(purchases::id_of);
    let in_order = expected.eq(ids.iter().copied());
    report.expect(in_order, || {
        format!(
            "read {how}: {} purchases in {} bytes, or not in their order",
            ids.len(),
            whole.len()
        )
    })
}
