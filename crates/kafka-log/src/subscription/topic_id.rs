//! Which topic bears the name. A topic that is deleted and made anew has another id, and offsets that mean other records.
//!
//! librdkafka 2.10 knows the id, goes on at the old offset all the same, and tells nobody but its log. So this reads the log;
//! a test with a real broker shows when the line changes.

use rdkafka::config::RDKafkaLogLevel;

/// The id that a line of the log says the topic has from now on.
pub(super) fn announced(level: RDKafkaLogLevel, message: &str) -> Option<&str> {
    if !matches!(level, RDKafkaLogLevel::Debug) {
        return None;
    }
    let (_, ids) = message.split_once(" changed id from ")?;
    let (_, id) = ids.split_once(" to ")?;
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_its_line_and_from_no_other() {
        let line = "[thrd:main]: Topic purchases changed id from AAAAAAAAAAAAAAAAAAAAAA to GrDrKNnQTpuXO2jvtM3rVg";
        let debug = RDKafkaLogLevel::Debug;
        assert_eq!(announced(debug, line), Some("GrDrKNnQTpuXO2jvtM3rVg"));
        assert_eq!(announced(RDKafkaLogLevel::Info, line), None);
        for line in [
            "",
            "Topic x [0] Leader 1 Epoch 0",
            "x changed id from y",
            "x changed id from y to ",
        ] {
            assert_eq!(announced(debug, line), None, "{line}");
        }
    }
}
