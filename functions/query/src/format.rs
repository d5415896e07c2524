//! The forms of a list, and which of them a client prefers.
//!
//! A list is written in parts, so that one of any length needs no more memory than a page.

use csv::{QuoteStyle, Terminator, WriterBuilder};
use http::HeaderMap;
use http::header::ACCEPT;
use purchase::wire::PurchaseJson;
use purchase::{Item, Owner, Purchase};

/// What a spreadsheet takes for a formula, also in full width, and what some skip before one.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];
const COLUMNS: [&str; 6] = ["id", "username", "userid", "item", "price", "timestamp"];
/// Of a user id, in the name of a file.
const NAME_MAX: usize = 64;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// An array.
    Json,
    /// An object per line.
    Ndjson,
    /// RFC 4180 with a head; cells that a spreadsheet would calculate are texts.
    Csv,
}

impl Format {
    /// What is preferred when a client likes several as well as each other.
    const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::Csv];

    /// The form that `Accept` prefers (RFC 9110 §12.5.1). Whoever accepts none of them gets JSON.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).into_iter();
        let ranges: Vec<_> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(Range::read)
            .collect();
        let mut best = (0.0, Self::Json);
        for format in Self::ALL {
            let covering = ranges.iter().filter(|range| range.covers(format));
            let range = covering.max_by_key(|range| range.precision());
            let weight = range.map_or(0.0, |range| range.weight);
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    fn essence(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::Ndjson => ("application", "x-ndjson"),
            Self::Csv => ("text", "csv"),
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What comes before the first purchase.
    pub(crate) fn head(self) -> Vec<u8> {
        match self {
            Self::Json => vec![b'['],
            Self::Ndjson => Vec::new(),
            Self::Csv => rows([COLUMNS.map(str::to_owned)]),
        }
    }

    /// Some purchases, after others or as the first.
    pub(crate) fn write(self, out: &mut Vec<u8>, purchases: &[Purchase], is_first: bool) {
        if self == Self::Csv {
            return out.append(&mut rows(purchases.iter().map(cells)));
        }
        for (index, purchase) in purchases.iter().enumerate() {
            if self == Self::Json && !(is_first && index == 0) {
                out.push(b',');
            }
            // Strings and numbers into memory: there is nothing that could fail.
            let _ = serde_json::to_writer(&mut *out, &PurchaseJson::from(purchase));
            if self == Self::Ndjson {
                out.push(b'\n');
            }
        }
    }

    /// What comes after the last one.
    pub(crate) fn tail(self) -> &'static [u8] {
        match self {
            Self::Json => b"]",
            Self::Ndjson | Self::Csv => b"",
        }
    }

    /// A list that is complete in memory.
    pub(crate) fn whole(self, purchases: &[Purchase]) -> Vec<u8> {
        let mut out = self.head();
        self.write(&mut out, purchases, true);
        out.extend_from_slice(self.tail());
        out
    }
}

/// What to save a table as. User ids may have any character, and a file name few.
pub(crate) fn attachment(owner: &Owner) -> String {
    let Owner::User(userid) = owner else {
        return "attachment; filename=\"purchases.csv\"".to_owned();
    };
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = userid
        .as_str()
        .chars()
        .take(NAME_MAX)
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect();
    format!("attachment; filename=\"purchases-{name}.csv\"")
}

fn cells(purchase: &Purchase) -> [String; 6] {
    [
        purchase.id.to_string(),
        defused(purchase.username.as_str()),
        defused(purchase.userid.as_str()),
        defused(purchase.item.as_ref().map_or("", Item::as_str)),
        // A number, also where an earlier service took one below zero: no formula, and to be added.
        purchase.price.to_string(),
        purchase.timestamp.to_string(),
    ]
}

/// With an apostrophe before what a spreadsheet would calculate.
fn defused(text: &str) -> String {
    let apostrophe = if text.starts_with(FORMULA) { "'" } else { "" };
    format!("{apostrophe}{text}")
}

fn rows(rows: impl IntoIterator<Item = [String; 6]>) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        // In quotes a text stays one cell, also for a spreadsheet that splits lines at semicolons.
        .quote_style(QuoteStyle::NonNumeric)
        .from_writer(Vec::new());
    for row in rows {
        // Six cells each, into memory: there is nothing that could fail.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

/// A media range of `Accept`, such as `text/*;q=0.5`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    weight: f32,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let (kind, subtype) = essence.split_once('/').unwrap_or((essence, ""));
        let weighed = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("q").then(|| weight(value))
        });
        Self {
            kind,
            subtype,
            weight: weighed.unwrap_or(1.0),
        }
    }

    fn covers(&self, format: Format) -> bool {
        let (kind, subtype) = format.essence();
        let is = |given: &str, own: &str| given == "*" || given.eq_ignore_ascii_case(own);
        is(self.kind, kind) && is(self.subtype, subtype)
    }

    /// The more precise range decides.
    fn precision(&self) -> u8 {
        u8::from(self.kind != "*") + u8::from(self.subtype != "*")
    }
}

/// A weight of RFC 9110 §12.4.2; what is none weighs nothing.
fn weight(text: &str) -> f32 {
    let weight = text.parse().unwrap_or(0.0);
    if (0.0..=1.0).contains(&weight) {
        weight
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use purchase::UserId;
    use testkit::sample;

    use super::*;

    fn preferred(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Format::preferred(&headers)
    }

    #[test]
    fn accept_is_read_as_rfc_9110_says() {
        for (accept, format) in [
            ("*/*", Format::Json),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Json),
            ("image/png", Format::Json),
            ("application/x-ndjson", Format::Ndjson),
            ("Text/CSV", Format::Csv),
            ("text/*", Format::Csv),
            ("application/*", Format::Json),
            ("text/csv;q=0.5, application/json;q=0.4", Format::Csv),
            ("text/csv; charset=utf-8; Q=0.5, */*;q=0.6", Format::Json),
            ("application/json;q=0, */*", Format::Ndjson),
            ("*/*;q=0", Format::Json),
            ("text/csv;q=2", Format::Json),
            ("", Format::Json),
        ] {
            assert_eq!(preferred(accept), format, "{accept}");
        }
        assert_eq!(Format::preferred(&HeaderMap::new()), Format::Json);
    }

    #[test]
    fn every_format_of_an_empty_list() {
        let whole = |format: Format| String::from_utf8(format.whole(&[])).unwrap();
        assert_eq!(whole(Format::Json), "[]");
        assert_eq!(whole(Format::Ndjson), "");
        assert_eq!(
            whole(Format::Csv),
            "\"id\",\"username\",\"userid\",\"item\",\"price\",\"timestamp\"\r\n"
        );
    }

    #[test]
    fn cells_that_would_be_calculated_are_texts() {
        let mut purchase = sample::purchase("=1+1");
        let mut row = |item: &str| {
            purchase.item = Some(Item::recorded(item).unwrap());
            let mut out = Vec::new();
            Format::Csv.write(&mut out, std::slice::from_ref(&purchase), false);
            String::from_utf8(out).unwrap()
        };
        assert!(row("@a").contains(",\"'=1+1\",\"'@a\",12.5,"));
        for item in ["-a", "+a", "＝1", "\t=1", "\r=1"] {
            assert!(row(item).contains(&format!(",\"'{item}\",")), "{item}");
        }
        assert!(row("=a,\"b\"\nc").contains(",\"'=a,\"\"b\"\"\nc\","));
        assert!(row("a=b").contains(",\"a=b\","));
        assert!(row("a;=1").contains(",\"a;=1\","));
    }

    #[test]
    fn a_name_of_a_file_has_no_characters_of_a_path_or_a_header() {
        let name = |userid: &str| attachment(&Owner::User(UserId::recorded(userid).unwrap()));
        assert_eq!(name("ada"), "attachment; filename=\"purchases-ada.csv\"");
        assert_eq!(
            name("../é\"\r\n;x"),
            "attachment; filename=\"purchases-________x.csv\""
        );
        assert_eq!(name(&"x".repeat(200)).len(), 37 + NAME_MAX);
        assert_eq!(
            attachment(&Owner::Everyone),
            "attachment; filename=\"purchases.csv\""
        );
    }
}
