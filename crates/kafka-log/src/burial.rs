//! What a letter in the topic of dead letters says of itself, and the record as it was before it was buried.

use purchase::Timestamp;
use purchase::event::Reason;

use crate::record::Record;

/// The first of the headers that [`DeadLetterTopic::bury`](crate::DeadLetterTopic::bury) adds.
pub(crate) const REASON: &str = "dl_reason";
pub(crate) const DETAIL: &str = "dl_detail";
pub(crate) const TOPIC: &str = "dl_topic";
pub(crate) const PARTITION: &str = "dl_partition";
pub(crate) const OFFSET: &str = "dl_offset";
pub(crate) const RECORDED_AT: &str = "dl_recorded_at";
pub(crate) const DIED_AT: &str = "dl_died_at";
pub(crate) const SHA256: &str = "dl_sha256";
pub(crate) const BYTES: &str = "dl_bytes";

/// A record and its burial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burial {
    /// As it was, place and time included; without its bytes, and perhaps without key and headers, if something is lost.
    pub record: Record,
    pub reason: Reason,
    pub detail: String,
    pub died_at: Timestamp,
    /// It was too large for the topic of dead letters.
    pub lost: Option<Lost>,
}

/// Bytes that are not in the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

impl Burial {
    /// Reads a letter back; nothing if it was written by anybody else.
    #[must_use]
    pub fn read(letter: &Record) -> Option<Self> {
        // What was buried may have been buried before, so the last ones count, and only what is before them was the record's.
        let begin = letter
            .headers
            .iter()
            .rposition(|(name, _)| name == REASON)?;
        let (own, added) = letter.headers.split_at(begin);
        let text = |wanted: &str| {
            let (_, value) = added.iter().find(|(name, _)| name == wanted)?;
            str::from_utf8(value.as_deref()?).ok()
        };
        let time = |name| Timestamp::parse(text(name)?).ok();
        let lost = text(SHA256).map(|sha256| Lost {
            sha256: sha256.to_owned(),
            bytes: text(BYTES)
                .and_then(|bytes| bytes.parse().ok())
                .unwrap_or(0),
        });
        Some(Self {
            record: Record {
                topic: text(TOPIC)?.into(),
                partition: text(PARTITION)?.parse().ok()?,
                offset: text(OFFSET)?.parse().ok()?,
                recorded_at: time(RECORDED_AT)?,
                key: letter.key.clone(),
                headers: own.to_vec(),
                value: letter.value.clone(),
            },
            reason: Reason::from_text(text(REASON)?)?,
            detail: text(DETAIL)?.to_owned(),
            died_at: time(DIED_AT)?,
            lost,
        })
    }
}
