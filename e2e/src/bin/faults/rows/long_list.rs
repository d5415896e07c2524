//! A list of 100,000 purchases, read at once and read slowly: no function holds it.

use std::time::Duration;

use e2e::Program;
use futures_util::future::join_all;
use testkit::app::client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::sleep;

use super::Case;
use super::format::Format;
use super::functions::Functions;
use super::purchases::{self, MANY};
use crate::report::Report;

const LIST: &str = "/getAllUserBuys/rich";
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
        let mut report = Report::new(32, name).evidence("listed", MANY.unsigned_abs());
        for format in Format::ALL {
            let whole = client()
                .get(format!("{}{LIST}", program.url()))
                .header("Accept", format.media_type())
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            report = checked(report, format, "at once", &whole)
                .evidence(format.media_type(), whole.len() as u64);
        }
        reports.push(report);
    }
    // All at the same time: what query holds for each is little, too.
    let formats = Format::ALL.into_iter().cycle();
    let slow = readers().zip(formats);
    let slow = join_all(slow.map(|((_, program), format)| read_slowly(program, format))).await;
    let reports = reports.into_iter().zip(slow).zip(readers().zip(idle));
    let reports: Vec<_> = reports
        .map(|((report, (format, whole, held)), ((_, program), idle))| {
            let growth = program.rss_peak_kib().saturating_sub(idle);
            checked(report, format, "slowly", &whole)
                .expect(growth <= GROWTH_KIB_MAX, || {
                    format!("it grew by {growth} KiB")
                })
                .evidence("held back", held)
                .evidence("KiB of growth", growth.max(1))
        })
        .collect();
    functions.stop(reports).await
}

/// The whole list, and how many lists the function was in the middle of while nobody took anything.
async fn read_slowly(program: &Program, format: Format) -> (Format, Vec<u8>, u64) {
    let socket = TcpSocket::new_v4().unwrap();
    // Else the kernel takes all of it for us.
    socket.set_recv_buffer_size(SIP as u32).unwrap();
    let mut stream = socket.connect(program.address()).await.unwrap();
    // Of HTTP/1.0 a body comes as it is, and ends with its connection.
    let accept = format.media_type();
    let request = format!("GET {LIST} HTTP/1.0\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
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
    (format, whole, active)
}

/// Complete, and in its order.
fn checked(report: Report, format: Format, how: &str, whole: &[u8]) -> Report {
    let ids = format.ids(whole);
    let expected = (0..MANY).rev().map(purchases::id_of);
    report.expect(expected.eq(ids.iter().cloned()), || {
        format!(
            "{format:?} read {how}: {} purchases in {} bytes, or not in their order",
            ids.len(),
            whole.len()
        )
    })
}
