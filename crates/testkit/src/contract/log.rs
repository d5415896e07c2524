//! The contract of [`EventLog`].

use std::task::{Context, Waker};

use cloudevents::{AttributesReader, Event};
use purchase::{EventLog, PurchaseEvent, event};

use crate::{eventually, sample};

/// Runs the suite. `read_all` gives everything in the log, in the order of the log.
pub async fn run(log: &dyn EventLog, read_all: impl AsyncFn() -> Vec<Event>) {
    appended_event_is_read_back_whole(log, &read_all).await;
    events_appended_one_after_another_keep_their_order(log, &read_all).await;
    concurrent_events_are_all_there_once(log, &read_all).await;
    a_caller_that_leaves_does_not_take_its_event_along(log, &read_all).await;
}

fn event_of(userid: &str) -> PurchaseEvent {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    PurchaseEvent {
        purchase: sample::purchase(userid),
        traceparent: Some(traceparent),
    }
}

async fn read_user(read_all: &impl AsyncFn() -> Vec<Event>, userid: &str) -> Vec<Event> {
    let mut events = read_all().await;
    events.retain(|event| {
        event::decode(event).is_ok_and(|entry| entry.purchase.userid.as_str() == userid)
    });
    events
}

async fn appended_event_is_read_back_whole(
    log: &dyn EventLog,
    read_all: &impl AsyncFn() -> Vec<Event>,
) {
    for userid in sample::HOSTILE_USER_IDS {
        let event = event_of(userid);
        log.append(event.clone()).await.unwrap();
        let read = read_user(read_all, userid).await.pop().unwrap();
        assert_eq!(event::decode(&read).unwrap(), event.purchase.clone().into());
        assert_eq!(read.id(), event.purchase.id.to_string());
        assert_eq!(read.source(), event::SOURCE);
        assert_eq!(read.ty(), event::TYPE);
        assert_eq!(read.time(), Some(&event.purchase.timestamp.datetime()));
        assert_eq!(read.datacontenttype(), Some("application/json"));
        let traceparent = read.extension(event::TRACEPARENT).map(ToString::to_string);
        assert_eq!(traceparent, event.traceparent);
    }
}

async fn events_appended_one_after_another_keep_their_order(
    log: &dyn EventLog,
    read_all: &impl AsyncFn() -> Vec<Event>,
) {
    let userid = sample::fresh_user();
    let mut appended = Vec::new();
    for _ in 0..20 {
        let event = event_of(&userid);
        appended.push(event.purchase.id.to_string());
        log.append(event).await.unwrap();
    }
    let read = read_user(read_all, &userid).await;
    assert_eq!(
        read.iter().map(AttributesReader::id).collect::<Vec<_>>(),
        appended
    );
}

async fn concurrent_events_are_all_there_once(
    log: &dyn EventLog,
    read_all: &impl AsyncFn() -> Vec<Event>,
) {
    let userid = sample::fresh_user();
    let events: Vec<_> = (0..200).map(|_| event_of(&userid)).collect();
    let appends = events.iter().map(|event| log.append(event.clone()));
    for appended in futures_util::future::join_all(appends).await {
        appended.unwrap();
    }
    let mut expected: Vec<_> = events
        .iter()
        .map(|event| event.purchase.id.to_string())
        .collect();
    let read = read_user(read_all, &userid).await;
    let mut found: Vec<_> = read.iter().map(|event| event.id().to_owned()).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

async fn a_caller_that_leaves_does_not_take_its_event_along(
    log: &dyn EventLog,
    read_all: &impl AsyncFn() -> Vec<Event>,
) {
    let userid = sample::fresh_user();
    let mut append = log.append(event_of(&userid));
    // Asked once, as a web framework does before it notices that the client is gone.
    let _ = append
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    drop(append);
    eventually("the event of a caller that left", async || {
        read_user(read_all, &userid).await.pop()
    })
    .await;
}
