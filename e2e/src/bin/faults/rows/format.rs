//! The forms of a list, as a client reads them.

use serde_json::Value;

/// What to ask for in `Accept`, and how to read what comes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Format {
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::Csv];

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    /// The ids in a whole list, in its order; none if it cannot be read.
    pub(super) fn ids(self, list: &[u8]) -> Vec<String> {
        let id = |purchase: &Value| purchase["id"].as_str().map(str::to_owned);
        let ids: Option<Vec<_>> = match self {
            Self::Json => {
                let list: Value = serde_json::from_slice(list).unwrap_or_default();
                list.as_array().into_iter().flatten().map(id).collect()
            }
            Self::Ndjson => serde_json::Deserializer::from_slice(list)
                .into_iter::<Value>()
                .map(|line| id(&line.ok()?))
                .collect(),
            Self::Csv => csv::Reader::from_reader(list)
                .records()
                .map(|row| Some(row.ok()?[0].to_owned()))
                .collect(),
        };
        ids.unwrap_or_default()
    }
}
