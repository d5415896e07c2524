//! What the process says once it runs: what to open, what to try.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Where a function answers, or the port that was in use.
pub(crate) type Place = Result<SocketAddr, u16>;

pub(crate) fn greeting(data_dir: &Path, page: SocketAddr, functions: &[(&str, Place)]) -> String {
    let page = url(page);
    let mut text = format!(
        "User Buy List is running. Everything that is bought is kept in {}.\n\n  {:<8} {page}/\n",
        data_dir.display(),
        "page",
    );
    for (name, place) in functions {
        // Writing to a String does not fail.
        let _ = match place {
            Ok(address) => writeln!(text, "  {name:<8} {}", url(*address)),
            Err(port) => writeln!(
                text,
                "  {name:<8} port {port} is in use; the page's port is enough"
            ),
        };
    }
    let _ = write!(
        text,
        "\nOpen the page, or try:\n  \
         curl -d username=Ada -d userid=ada -d item=tea -d price=12.50 {page}/buy\n  \
         curl {page}/getAllUserBuys/ada\n\n\
         What else there is to ask: {page}/docs\n\n\
         Ctrl-C stops it; what was bought stays."
    );
    text
}

/// An address that a browser on this machine can open.
fn url(address: SocketAddr) -> String {
    let host = match address.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", address.port())
}
