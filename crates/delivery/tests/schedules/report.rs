//! What happened in a run: how often each kind of thing, what went against the rules, and, if wanted, everything in order.

use std::collections::BTreeMap;
use std::fmt::Display;

use tokio::time::Instant;

/// How often each kind of thing happened.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

#[derive(Debug)]
pub(crate) struct Report {
    began: Instant,
    pub(crate) counts: Counts,
    /// The first breach of a rule; what comes after it may be a consequence.
    pub(crate) violation: Option<String>,
    pub(crate) lines: Option<Vec<String>>,
}

impl Report {
    pub(crate) fn new(traced: bool) -> Self {
        Self {
            began: Instant::now(),
            counts: Counts::new(),
            violation: None,
            lines: traced.then(Vec::new),
        }
    }

    /// Something of this kind happened; the detail is for people. After a breach nothing matters any more.
    pub(crate) fn note<D: Display>(&mut self, kind: &'static str, detail: impl FnOnce() -> D) {
        if self.violation.is_some() {
            return;
        }
        *self.counts.entry(kind).or_default() += 1;
        if let Some(lines) = &mut self.lines {
            let at_ms = self.began.elapsed().as_millis();
            lines.push(format!("{at_ms:>7} ms  {kind}: {}", detail()));
        }
    }

    /// A rule is broken.
    pub(crate) fn violate(&mut self, what: String) {
        if self.violation.is_none() {
            self.note("RULE BROKEN", || &what);
            self.violation = Some(what);
        }
    }
}
