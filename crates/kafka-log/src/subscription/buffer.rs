//! Records that were taken from the brokers and not yet handed out, bounded by number and by bytes. Pure.

use std::collections::VecDeque;

use super::Delivery;
use crate::record::Record;

/// What a record costs beside its own bytes: its fields, and the allocations behind them.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// A queue that says when it is full. It takes a record all the same: whoever polls has it in hand already.
#[derive(Debug)]
pub(super) struct Buffer {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    records_max: usize,
    bytes_max: usize,
}

impl Buffer {
    /// Holds at least one record.
    pub(super) fn new(records_max: usize, bytes_max: usize) -> Self {
        Self {
            deliveries: VecDeque::new(),
            bytes: 0,
            records_max: records_max.max(1),
            bytes_max: bytes_max.max(1),
        }
    }

    pub(super) fn push(&mut self, delivery: Delivery) {
        self.bytes += size(&delivery.record);
        self.deliveries.push_back(delivery);
    }

    /// The first ones, in the order in which they came.
    pub(super) fn take(&mut self, max: usize) -> Vec<Delivery> {
        let taken: Vec<_> = self
            .deliveries
            .drain(..max.min(self.deliveries.len()))
            .collect();
        self.bytes -= taken.iter().map(|taken| size(&taken.record)).sum::<usize>();
        taken
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Delivery) -> bool) {
        self.deliveries.retain(keep);
        let sizes = self.deliveries.iter().map(|kept| size(&kept.record));
        self.bytes = sizes.sum();
    }

    pub(super) fn len(&self) -> usize {
        self.deliveries.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.records_max || self.bytes >= self.bytes_max
    }

    /// There is room again for so much that taking more is worth a request.
    pub(super) fn is_half_empty(&self) -> bool {
        self.len() <= self.records_max / 2 && self.bytes <= self.bytes_max / 2
    }
}

fn size(record: &Record) -> usize {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers = record.headers.iter();
    let headers: usize = headers
        .map(|(name, value)| name.len() + length(value) + RECORD_OVERHEAD_BYTES / 4)
        .sum();
    RECORD_OVERHEAD_BYTES + length(&record.key) + length(&record.value) + headers
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use purchase::Timestamp;

    use super::*;
    use crate::subscription::Place;

    fn delivery(offset: i64, bytes: usize) -> Delivery {
        let topic: Arc<str> = Arc::from("purchases");
        Delivery {
            record: Record {
                topic: Arc::clone(&topic),
                partition: 0,
                offset,
                recorded_at: Timestamp::EPOCH,
                key: None,
                headers: Vec::new(),
                value: Some(vec![0; bytes]),
            },
            place: Place {
                topic,
                partition: 0,
                offset,
                assignment: 1,
            },
        }
    }

    #[test]
    fn records_leave_in_the_order_in_which_they_came() {
        let mut buffer = Buffer::new(3, 1 << 20);
        for offset in 0..3 {
            assert!(!buffer.is_full());
            buffer.push(delivery(offset, 10));
        }
        assert!(buffer.is_full());
        let offsets = |taken: Vec<Delivery>| {
            taken
                .iter()
                .map(|taken| taken.record.offset)
                .collect::<Vec<_>>()
        };
        assert_eq!(offsets(buffer.take(2)), [0, 1]);
        assert!(buffer.is_half_empty());
        assert_eq!(offsets(buffer.take(9)), [2]);
        assert_eq!(buffer.bytes, 0);
    }

    #[test]
    fn large_records_fill_it_before_their_number_does() {
        let mut buffer = Buffer::new(1_000, 2_000);
        buffer.push(delivery(0, 900));
        assert!(!buffer.is_full());
        buffer.push(delivery(1, 900));
        assert!(buffer.is_full());
        assert!(!buffer.is_half_empty());
        buffer.retain(|kept| kept.record.offset == 0);
        assert!(!buffer.is_full());
        buffer.take(1);
        assert_eq!(buffer.bytes, 0);
    }
}
