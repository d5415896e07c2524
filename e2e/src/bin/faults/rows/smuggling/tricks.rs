//! The ways to hide a request in another one.

use super::super::functions::purchase_of;
use super::{CHUNKED, JSON, Target, chunked, length, request, written};

/// What `Transfer-Encoding` may look like to one server and not to the next.
const ENCODINGS: [&str; 20] = [
    CHUNKED,
    "Transfer-Encoding: CHUNKED",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding:\r\n chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\0",
];

pub(super) type Trick = (String, Vec<u8>);

pub(super) fn tricks(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let mut tricks = lengths(target, hidden);
    for encoding in ENCODINGS {
        tricks.extend(two_framings(target, encoding, hidden));
    }
    tricks.extend(odd_chunks(target, hidden));
    tricks.extend(unread(target, hidden));
    tricks
}

/// The line of a request that is no trick by itself.
fn line_of(target: &Target<'_>) -> String {
    if target.buys() {
        target.line.to_owned()
    } else {
        format!("{}somebody", target.line)
    }
}

/// Both ways to tell where a body ends: one of them ends it before the hidden request.
fn two_framings(target: &Target<'_>, encoding: &str, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let outer = chunked(purchase_of("somebody").as_bytes());
    let ended = [&outer, hidden].concat();
    let inside = chunked(hidden);
    let first_line = inside
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or_default()
        + 1;
    let (all, few) = (length(ended.len()), length(first_line));
    let trick = |title: &str, headers: &[&str], body: &[u8]| {
        (
            format!("{encoding:?}, {title}"),
            request(&line, headers, body),
        )
    };
    let old = written(
        &line,
        "1.0",
        &["Connection: keep-alive", encoding, JSON],
        &ended,
    );
    vec![
        trick(
            "hidden behind the last chunk",
            &[JSON, &all, encoding],
            &ended,
        ),
        trick("the same, the length last", &[JSON, encoding, &all], &ended),
        trick("hidden in a chunk", &[JSON, &few, encoding], &inside),
        trick(
            "the same, the length last",
            &[JSON, encoding, &few],
            &inside,
        ),
        (format!("{encoding:?} in HTTP/1.0"), old),
    ]
}

/// Two lengths, or one that is no number.
fn lengths(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let outer = purchase_of("somebody");
    let body = [outer.as_bytes(), hidden].concat();
    let (short, long) = (outer.len(), body.len());
    [
        format!("{short}\r\nContent-Length: {long}"),
        format!("{long}\r\nContent-Length: {short}"),
        format!("{short}, {long}"),
        format!("{short},{short}"),
        format!("+{short}"),
        format!("-{short}"),
        format!("0x{short:x}"),
        format!("{short} {short}"),
        format!("{short};"),
        format!("{short}.0"),
        format!("{short}e0"),
        format!("\"{short}\""),
        String::new(),
        format!("\x0b{short}"),
        format!("1844674407370955161{short}"),
    ]
    .into_iter()
    .map(|value| {
        let header = format!("Content-Length: {value}");
        (
            format!("{header:?}"),
            request(&line, &[JSON, &header], &body),
        )
    })
    .collect()
}

/// Sizes of a chunk that one server reads, and another reads as something else.
fn odd_chunks(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let size = format!("{:x}", hidden.len());
    let sizes = [
        format!("0x{size}\r\n"),
        format!("+{size}\r\n"),
        format!(" {size}\r\n"),
        format!("{size} \r\n"),
        format!("{size};a=b\r\n"),
        format!("{size};a=\"\r\n\""),
        format!("{size};\n"),
        format!("{size}\n"),
        format!("{size}\r"),
        format!("00000000000000000{size}\r\n"),
        format!("1000000000000000{size}\r\n"),
        "-1\r\n".to_owned(),
        "\r\n".to_owned(),
        // Where trailers are due.
        "0\r\n".to_owned(),
    ];
    let trick = |size: String| {
        let body = [size.as_bytes(), hidden, b"\r\n0\r\n\r\n"].concat();
        (
            format!("chunk {size:?}"),
            request(&line, &[JSON, CHUNKED], &body),
        )
    };
    sizes.into_iter().map(trick).collect()
}

/// Bodies that are refused before they are read, or that nobody wants.
fn unread(target: &Target<'_>, hidden: &[u8]) -> Vec<Trick> {
    let line = line_of(target);
    let many = hidden.repeat(500);
    let (exact, short) = (length(many.len()), length(hidden.len()));
    let in_chunks = chunked(&many);
    let mut tricks = Vec::new();
    for (title, line, header) in [
        ("no such address", "POST /nowhere", JSON),
        ("no such method", "DELETE /buy", JSON),
        ("HEAD", "HEAD /health", JSON),
        ("GET", "GET /health", JSON),
        ("another type", &line, "Content-Type: text/plain"),
        ("compressed", &line, "Content-Encoding: gzip"),
        (
            "two keys",
            &line,
            "Idempotency-Key: a\r\nIdempotency-Key: b",
        ),
        (
            "its length is for the next hop only",
            &line,
            "Connection: Content-Length",
        ),
        (
            "its chunks are for the next hop only",
            &line,
            "Connection: Transfer-Encoding",
        ),
        (
            "HTTP/2, if you please",
            &line,
            "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
        ),
        (
            "expects 100",
            &line,
            "Content-Type: text/plain\r\nExpect: 100-continue",
        ),
        ("a bare CR", &line, "X: a\rContent-Length: 0"),
    ] {
        tricks.push((
            format!("unread, {title}"),
            request(line, &[header, &short], hidden),
        ));
        tricks.push((
            format!("unread and long, {title}"),
            request(line, &[header, &exact], &many),
        ));
        tricks.push((
            format!("unread chunks, {title}"),
            request(line, &[header, CHUNKED], &in_chunks),
        ));
    }
    tricks
}
