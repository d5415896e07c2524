//! The bodies, and what comes of each.

use std::fmt::Write as _;

use testkit::random::Random;

/// Random texts, beside those that somebody thought of.
const RANDOM_TEXTS: usize = 40;
const DEPTH: usize = 10_000;

/// One body, and what comes of it.
pub(super) struct Sample {
    pub(super) title: String,
    pub(super) body: Vec<u8>,
    /// User name, item and price as the list must show them; none if it must be refused.
    pub(super) listed: Option<(String, String, String)>,
}

pub(super) fn samples(random: &mut Random) -> Vec<Sample> {
    let mut samples = refused();
    samples.extend(stored());
    samples.extend((0..RANDOM_TEXTS).map(|n| {
        let (name, item) = (text(random, 900), text(random, 180));
        let (username, written) = (spelled(random, &name), spelled(random, &item));
        let body = format!(
            r#"{{"username":"{username}","userid":"USER","item":"{written}","price":1.5}}"#
        );
        Sample {
            title: format!("random text {n}"),
            body: body.into_bytes(),
            listed: Some((name, item, "1.5".to_owned())),
        }
    }));
    samples
}

fn refused() -> Vec<Sample> {
    let nested = |inside: &str| {
        let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
        format!(r#"{{"username":{open}{inside}{close},"userid":"USER","price":1}}"#)
    };
    let with = |rest: &str| format!(r#"{{"username":"Ada","userid":"USER",{rest}}}"#).into_bytes();
    let price = |text: &str| with(&format!(r#""price":{text}"#));
    let named = |name: &[u8]| {
        [
            b"{\"userid\":\"USER\",\"price\":1,\"username\":\"",
            name,
            b"\"}",
        ]
        .concat()
    };
    let long = |length: usize| named("é".repeat(length).as_bytes());
    let mut refused = vec![
        ("a name 10,000 deep", nested("").into_bytes()),
        (
            "10,000 deep and never closed",
            "[".repeat(DEPTH).into_bytes(),
        ),
        ("10,000 objects deep", r#"{"a":"#.repeat(DEPTH).into_bytes()),
        ("price twice", with(r#""price":1,"price":2"#)),
        ("user twice", with(r#""userid":"other","price":1"#)),
        (
            "user twice, once escaped",
            with(r#""user\u0069d":"other","price":1"#),
        ),
        ("raw NUL", named(b"A\0da")),
        ("raw newline", named(b"A\nda")),
        ("NUL", named(br"A\u0000da")),
        ("DEL", named(br"A\u007fda")),
        ("C1 control", named(br"A\u0085da")),
        ("escape sequence of a terminal", named(br"\u001b[2J")),
        ("half a surrogate pair", named(br"\ud83d")),
        ("the other half", named(br"\udc00 Ada")),
        ("pair in the wrong order", named(br"\udc00\ud83d")),
        ("escape that is none", named(br"\x41")),
        ("escape that ends early", named(br"\u12")),
        ("byte that is no UTF-8", named(b"A\xffda")),
        ("overlong NUL", named(b"\xc0\x80")),
        ("surrogate in UTF-8", named(b"\xed\xa0\x80")),
        ("beyond Unicode", named(b"\xf4\x90\x80\x80")),
        ("character that ends early", named(b"\xf0\x9f\x9b")),
        ("name of 1,001 characters", long(1_001)),
        (
            "UTF-16",
            "{\"userid\":\"USER\"}"
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect(),
        ),
        (
            "byte order mark",
            [b"\xef\xbb\xbf", &with(r#""price":1"#)[..]].concat(),
        ),
        (
            "two values",
            [with(r#""price":1"#), b"{}".to_vec()].concat(),
        ),
        ("comment", with(r#""price":1/**/"#)),
        ("comma at the end", with(r#""price":1,"#)),
        ("single quotes", b"{'userid':'USER'}".to_vec()),
    ];
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1e-400",
        "1e999999999999",
        "9007199254740993",
        "-0",
        "0",
        "-1",
        "+1",
        "01",
        ".5",
        "5.",
        "0x10",
        "1e",
        "1_000",
        "1e15",
        "0.0000001",
        "\"1,5\"",
        "\"NaN\"",
        "true",
        "[1]",
        "{\"$gt\":0}",
        "{\"$numberDecimal\":\"1\"}",
        "null",
        "\"\"",
    ] {
        refused.push(("a price", price(text)));
    }
    let sample = |(title, body): (&str, Vec<u8>)| {
        let shown: String = String::from_utf8_lossy(&body).chars().take(80).collect();
        Sample {
            title: format!("{title}: {shown}"),
            body,
            listed: None,
        }
    };
    refused.into_iter().map(sample).collect()
}

fn stored() -> Vec<Sample> {
    let of = |title: &str, rest: &str, name: &str, item: &str, price: &str| Sample {
        title: title.to_owned(),
        body: format!(r#"{{"userid":"USER",{rest}}}"#).into_bytes(),
        listed: Some((name.to_owned(), item.to_owned(), price.to_owned())),
    };
    let name = |title: &str, written: &str, name: &str| {
        of(
            title,
            &format!(r#""username":"{written}","item":"tea","price":1"#),
            name,
            "tea",
            "1",
        )
    };
    let price = |written: &str, price: &str| {
        of(
            "a price",
            &format!(r#""username":"Ada","item":"tea","price":{written}"#),
            "Ada",
            "tea",
            price,
        )
    };
    let rest = |title: &str, rest: &str| {
        of(
            title,
            &format!(r#""username":"Ada","item":"tea","price":1,{rest}"#),
            "Ada",
            "tea",
            "1",
        )
    };
    let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
    vec![
        rest(
            "10,000 deep where nobody looks",
            &format!(r#""x":{open}{close}"#),
        ),
        rest("a lone surrogate where nobody looks", r#""x":"\ud800""#),
        rest("a huge number where nobody looks", r#""x":1e400"#),
        rest("one member twice where nobody looks", r#""x":1,"x":2"#),
        rest(
            "what JavaScript takes for more",
            r#""__proto__":{"price":2},"constructor":1,"$where":"1""#,
        ),
        price("0.1", "0.1"),
        price("\"0.1\"", "0.1"),
        price("1e2", "100"),
        price("1.50000000", "1.5"),
        price("0.000001", "0.000001"),
        price("999999999999999", "999999999999999"),
        price("99999999999999.9", "99999999999999.9"),
        name("1,000 characters", &"n".repeat(1_000), &"n".repeat(1_000)),
        name(
            "1,000 characters beyond the first plane",
            &"\u{1f6d2}".repeat(1_000),
            &"\u{1f6d2}".repeat(1_000),
        ),
        name("a pair of surrogates", r"\ud83d\uded2", "\u{1f6d2}"),
        name("escapes", r#"\"\\\/ \u0041"#, r#""\/ A"#),
        name("a family", "👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
        name("composed", "\u{e9}", "\u{e9}"),
        name("decomposed", "e\u{301}", "e\u{301}"),
        name(
            "right to left",
            "\u{202e}\u{5d0}\u{5d1}\u{202c} abc",
            "\u{202e}\u{5d0}\u{5d1}\u{202c} abc",
        ),
        name(
            "separators of lines",
            "a\u{2028}b\u{2029}c",
            "a\u{2028}b\u{2029}c",
        ),
        name(
            "no characters",
            "a\u{fffe}b\u{ffff}c\u{10ffff}",
            "a\u{fffe}b\u{ffff}c\u{10ffff}",
        ),
        name("a mark inside", "a\u{feff}b", "a\u{feff}b"),
        name(
            "markup",
            "<script>alert(1)</script>&amp;",
            "<script>alert(1)</script>&amp;",
        ),
        name("an operator", "{$ne: null}", "{$ne: null}"),
        name("a formula", "=HYPERLINK(1)", "=HYPERLINK(1)"),
        name("white space around", " \u{a0}Ada\u{2003}\\t", "Ada"),
    ]
}

/// Any characters but controls; without white space at its ends, which would be trimmed.
fn text(random: &mut Random, length_max: u64) -> String {
    let planes = [0x7f, 0x800, 0x1_0000, 0x11_0000];
    let mut text = "x".to_owned();
    for _ in 0..random.below(length_max) {
        let plane = usize::try_from(random.below(4)).unwrap();
        let code = u32::try_from(random.below(planes[plane])).unwrap();
        text.extend(char::from_u32(code).filter(|c| !c.is_control()));
    }
    text + "x"
}

/// A text as a JSON string, each character as itself or escaped.
fn spelled(random: &mut Random, text: &str) -> String {
    let mut spelled = String::new();
    for character in text.chars() {
        if matches!(character, '"' | '\\') || random.below(4) == 0 {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(spelled, "\\u{unit:04x}").unwrap();
            }
        } else {
            spelled.push(character);
        }
    }
    spelled
}
