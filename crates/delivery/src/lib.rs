//! From the log to the store: what whoever delivers and whoever records have in common, over any log, store or transport.
//!
//! [`deliver`] brings one event to a sink by the rules of the Knative KafkaSource: what is retried, how long, and what becomes
//! a dead letter. [`Recorder`] sits behind the sink and turns many deliveries at once into few writes. Where there is no sink
//! in between, [`work`] takes [`Batches`] straight from a log and [`Settler`] settles them. [`Positions`] says on either road
//! how far a log has been dealt with.
//!
//! Invariant: an event is settled only by a sink's success or by a verdict that no repetition can change.
//!
//! `tests/schedules` runs all of this through thousands of random schedules of failures, on a log, a store and a clock that are
//! simulated.

mod answer;
mod backoff;
mod deliver;
mod positions;
mod progress;
mod recorder;
mod settle;
mod verdict;
mod work;

pub use answer::{ANSWER_BYTES_MAX, Answer, REASON_HEADER, reason_of};
pub use backoff::{Backoff, Policy};
pub use deliver::{Dead, Outcome, Sink, SinkError, deliver};
pub use positions::{Positions, Step};
pub use progress::Progress;
pub use recorder::{RecordError, Recorder, RecorderOptions};
pub use settle::{Arrival, DeadLetters, Pace, Settler};
pub use verdict::Verdict;
pub use work::{Batches, work};
