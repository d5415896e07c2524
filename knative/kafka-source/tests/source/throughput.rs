//! A bound that only a mistake exceeds; the benchmark measures.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::sink::Sink;
use crate::stand_in::StandIn;
use crate::topic::{Topic, event};

#[tokio::test]
async fn five_thousand_events_take_a_few_seconds() {
    const EVENTS: usize = 5_000;
    let (topic, sink) = (Topic::new(2).await, Sink::new());
    let records = (0..EVENTS).map(|n| event(n.to_string()).partition(i32::from(n % 2 == 0)));
    topic.write(records).await;
    let started = Instant::now();
    let stand_in = StandIn::start(&topic, &sink, &[]).await;
    stand_in
        .counts("kafka_source_events_delivered_total", EVENTS as u64)
        .await;
    let took = started.elapsed();
    let ids: BTreeSet<String> = sink.ids().into_iter().collect();
    assert_eq!((ids.len(), sink.posts().len()), (EVENTS, EVENTS));
    assert!(took < Duration::from_secs(10), "{took:?}");
    println!("{EVENTS} events in {took:?}");
}
