//! The way from the log to the store alone, by either road, with everything that it buries.

use std::fmt;

use rdkafka::message::Message as _;

use crate::topics::{self, Raw, header};
use crate::{Letters, Program, Road, Scene};

/// The programs of one road. The records come from [`topics::produce`].
pub struct Delivery {
    pub scene: Scene,
    pub road: Road,
    /// kafka-source and storer, or consumer.
    pub programs: Vec<Program>,
    /// Where the source sends what storer refuses.
    pub sink: Letters,
}

/// A dead letter: why it is one, and the bytes of the record that it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Buried {
    pub reason: String,
    pub value: Vec<u8>,
}

impl Buried {
    pub fn new(reason: &str, value: impl Into<Vec<u8>>) -> Self {
        Self {
            reason: reason.to_owned(),
            value: value.into(),
        }
    }
}

impl fmt::Debug for Buried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = String::from_utf8_lossy(&self.value);
        let shown: String = value.chars().take(100).collect();
        write!(f, "{}: {shown}", self.reason)
    }
}

impl Delivery {
    pub async fn start(scene: &Scene, road: Road) -> Self {
        Self::start_with(scene, road, &[]).await
    }

    /// With other settings of the source.
    pub async fn start_with(scene: &Scene, road: Road, source: &[(&'static str, &str)]) -> Self {
        let sink = Letters::start().await;
        let programs = match road {
            Road::Source => {
                let storer = scene.storer().await;
                let with = [&[("DEAD_LETTER_SINK", sink.app.url.as_str())], source].concat();
                vec![scene.source(&storer.url(), &with).await, storer]
            }
            Road::Consumer => vec![scene.consumer().await],
        };
        Self {
            scene: scene.clone(),
            road,
            programs,
            sink,
        }
    }

    /// Writes records, and waits until all are delivered or buried.
    pub async fn deliver(&self, records: &[Raw]) {
        topics::produce(&self.scene.servers.kafka, &self.scene.topic, records).await;
        self.scene.drained().await;
    }

    /// All dead letters, sorted.
    pub fn buried(&self) -> Vec<Buried> {
        let mut buried: Vec<_> = match self.road {
            Road::Source => {
                let reasons = self.sink.attribute("ce-reason");
                reasons
                    .into_iter()
                    .zip(self.sink.bodies())
                    .map(|(reason, value)| Buried { reason, value })
                    .collect()
            }
            Road::Consumer => {
                let letters = topics::read_all(&self.scene.servers.kafka, &self.scene.dead_letters);
                letters
                    .iter()
                    .map(|letter| {
                        let reason = header(letter, "dl_reason").unwrap_or_default();
                        Buried::new(&reason, letter.payload().unwrap_or_default())
                    })
                    .collect()
            }
        };
        buried.sort();
        buried
    }

    /// Deliveries so far that ended well: of what was stored then, and of what was stored before.
    pub async fn taken(&self) -> u64 {
        match self.road {
            Road::Source => answered(&self.programs[1], "204").await,
            Road::Consumer => {
                let consumer = &self.programs[0];
                consumer.metric("delivery_events_stored_total").await
                    + consumer.metric("delivery_events_duplicate_total").await
            }
        }
    }

    /// Deliveries so far of what can never be stored.
    pub async fn refused(&self) -> u64 {
        match self.road {
            Road::Source => {
                let storer = &self.programs[1];
                answered(storer, "400").await + answered(storer, "422").await
            }
            Road::Consumer => self.programs[0].metric("delivery_dead_letters_total").await,
        }
    }

    /// Stops all as a platform would, and holds each to a clean end.
    pub async fn stop(self) {
        for program in self.programs {
            let said = program.said();
            let status = program.stop().await;
            assert!(status.success(), "{status}:\n{said}");
        }
    }
}

/// How many requests a function has answered with a status.
pub async fn answered(program: &Program, status: &str) -> u64 {
    let name = "http_server_request_duration_seconds_count";
    program.metric_where(name, &format!("\"{status}\"")).await
}
