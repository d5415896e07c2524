//! A schedule for people: one line for everything that was left to chance.

use std::fmt::{self, Display};

use crate::schedule::{Fault, Incident, Road, Schedule, Turn};

impl Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partitions,
            members,
            workers,
            batch_max,
            jitter,
            ..
        } = self;
        let road = match self.road {
            Road::Consumer => "consumer".to_owned(),
            Road::KafkaSource { retries: u32::MAX } => {
                "kafka-source, retries without end".to_owned()
            }
            Road::KafkaSource { retries } => format!("kafka-source, {retries} retries"),
        };
        writeln!(
            f,
            "{road}: partitions {partitions}, members {members}, workers {workers}, batches of {batch_max}, jitter {jitter}"
        )?;
        let records = self.records.iter().map(|(at, partition, what)| {
            (at, format!("append {what} to p{}", partition % partitions))
        });
        let incidents = self
            .incidents
            .iter()
            .map(|(at, incident)| (at, incident.to_string()));
        let mut happenings: Vec<_> = records.chain(incidents).collect();
        happenings.sort_by_key(|(at, _)| **at);
        for (at, what) in happenings {
            writeln!(f, "{at:>7} ms  {what}")?;
        }
        turns(f, "write", &self.writes)?;
        turns(f, "burial", &self.burials)?;
        turns(f, "post", &self.posts)?;
        for (number, _) in self.commits.iter().enumerate().filter(|(_, kept)| !**kept) {
            writeln!(f, "   commit {}: is lost", number + 1)?;
        }
        Ok(())
    }
}

fn turns(f: &mut fmt::Formatter<'_>, kind: &str, turns: &[Turn]) -> fmt::Result {
    let mut first = 1;
    for turn in turns {
        let last = first + turn.times - 1;
        match turn.times {
            1 => writeln!(f, "   {kind} {first}: {turn}")?,
            _ => writeln!(f, "   {kind}s {first} to {last}: {turn}")?,
        }
        first = last + 1;
    }
    Ok(())
}

impl Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::None => f.write_str("goes well")?,
            Fault::Away => f.write_str("away")?,
            Fault::Permanent => f.write_str("refused until somebody mends it")?,
            Fault::Lost => f.write_str("done, and the answer is lost")?,
            Fault::Mixed(fates) => write!(f, "a mixture ({fates:#x})")?,
            Fault::Short => f.write_str("done but for the last one, which is forgotten")?,
            Fault::Panic => f.write_str("done, and then a panic")?,
            Fault::Status(status) => write!(f, "status {status}")?,
        }
        match (self.before_ms, self.after_ms) {
            (0, 0) => Ok(()),
            (before_ms, after_ms) => write!(
                f,
                "; {before_ms} ms until then and {after_ms} ms until the answer"
            ),
        }
    }
}

impl Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash { member } => write!(f, "kill member {member}"),
            Self::Stop { member } => write!(f, "stop member {member}"),
            Self::Move {
                partition,
                member,
                lost: None,
            } => write!(f, "move p{partition} to member {member}"),
            Self::Move {
                partition,
                member,
                lost: Some(notice_ms),
            } => write!(
                f,
                "take p{partition} away for member {member}, and tell its owner {notice_ms} ms later"
            ),
            Self::Anew => f.write_str("delete the topic and make it anew"),
        }
    }
}
