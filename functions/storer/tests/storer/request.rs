//! Requests as such: their size, their headers, and which status a bad one may never get.

use crate::support::{Form, Sent, Store, post, purchase};
use testkit::raw;
use testkit::raw::{Catalogue, header, request, status};

/// 2 MiB, the longest body.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

#[tokio::test]
async fn a_body_over_2_mib_is_413_in_every_form() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    let padding = " ".repeat(BODY_BYTES_MAX);
    let mut sent = Sent::of(&purchase(1));
    sent.data += &padding;
    let raw_record = Sent::raw_record(1, &sent.data);
    let mut requests: Vec<_> = Form::ALL
        .map(|form| (format!("{form:?}"), sent.write(form)))
        .into();
    requests.push(("raw record".to_owned(), raw_record.binary()));
    let mut chunked =
        b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
        Content-Type: application/cloudevents+json\r\n\r\n"
            .to_vec();
    for chunk in sent.json().as_bytes().chunks(65_536) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    requests.push(("in chunks".to_owned(), chunked));
    for (title, request) in requests {
        let answer = store.ask(&request).await;
        assert_eq!(status(&answer), 413, "{title}");
        assert_eq!(
            header(&answer, "kne-reason").as_deref(),
            Some("too-large"),
            "{title}"
        );
        catalogue.add(&title, &answer);
    }
    assert!(store.list().await.is_empty());
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_body_of_2_mib_is_stored() {
    let store = Store::open().await;
    let mut sent = Sent::of(&purchase(1));
    sent.data += &" ".repeat(BODY_BYTES_MAX - sent.data.len());
    store.stores(&sent.binary()).await;
    assert_eq!(store.list().await, [purchase(1)]);
}

#[tokio::test]
async fn content_types_are_read_without_case_and_parameters() {
    let store = Store::open().await;
    let json = Sent::of(&purchase(1)).json();
    let many = format!("[{json}]");
    store
        .stores(&post("Application/CloudEvents+JSON; charset=UTF-8", &json))
        .await;
    store
        .stores(&post(
            "application/cloudevents-batch+json;charset=utf-8",
            &many,
        ))
        .await;
    assert_eq!(store.list().await, [purchase(1)]);
}

#[tokio::test]
async fn base64_data_is_the_same_event() {
    let store = Store::open().await;
    let sent = Sent::of(&purchase(1));
    let plain = format!("\"data\":{}}}", sent.data);
    let json = sent.json();
    let encoded = format!(
        "\"data_base64\":\"{}\"}}",
        crate::support::base64(&sent.data)
    );
    assert!(json.ends_with(&plain));
    store
        .stores(&post("application/cloudevents+json", &json))
        .await;
    let json = json.replace(&plain, &encoded);
    store
        .stores(&post("application/cloudevents+json", &json))
        .await;
    assert_eq!(store.list().await, [purchase(1)]);
}

#[tokio::test]
async fn attributes_are_percent_decoded_so_that_all_forms_have_one_id() {
    let store = Store::open().await;
    let plain = Sent::of(&purchase(1))
        .set("source", "/shop é %")
        .set("id", "A \"1\"");
    let encoded = plain
        .clone()
        .set("source", "/shop%20%C3%A9%20%25")
        .set("id", "A%20%221%22");
    store.stores(&plain.write(Form::Structured)).await;
    store.stores(&plain.write(Form::Batch)).await;
    store.stores(&encoded.binary()).await;
    assert_eq!(store.list().await.len(), 1);
}

#[tokio::test]
async fn no_bad_event_gets_a_status_that_is_delivered_again_or_redirected() {
    let store = Store::open().await;
    store.stores(&Sent::of(&purchase(9)).binary()).await;
    let header_line = |line: &str| {
        let headers = [
            "ce-specversion: 1.0",
            line,
            "Content-Type: application/json",
        ];
        request("POST /", &headers, "{}")
    };
    let mut requests = vec![
        header_line("ce-id: %"),
        header_line("ce-id: %ff"),
        header_line("ce-id: é"),
        header_line("ce-: x"),
        header_line("ce-data: {}"),
        header_line("ce-UPPER-case: x"),
        request("POST /?a=b", &[], "{}"),
        request("POST /", &["ce-specversion: 2.0"], ""),
        post("application/cloudevents+json", "\u{0}"),
        post("application/cloudevents+json", &"[".repeat(100_000)),
        post("application/cloudevents-batch+json", &"[".repeat(100_000)),
        post("application/cloudevents-batch+json", "[1,null,\"x\",{},[]]"),
        post("application/json", "{}"),
        post("application/json; charset=utf-16", "{}"),
        post("text/json", "{}"),
        post("", "{}"),
    ];
    let data = [
        "null",
        "{}",
        "[]",
        "1",
        "\"\"",
        "nope",
        "",
        r#"{"username":"Ada","userid":"ada","price":1e-2147483648}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"price":1}"#,
    ];
    let purchase_id = purchase(9).id.to_string();
    for data in data {
        for form in Form::ALL {
            requests.push(Sent::with_data(&purchase_id, data).write(form));
            requests.push(
                Sent::with_data("A-1", data)
                    .set("source", "/other")
                    .write(form),
            );
            requests.push(Sent::raw_record(9, data).write(form));
            requests.push(
                Sent::raw_record(9, data)
                    .set("id", "partition:-1/offset:99999999999999999999")
                    .write(form),
            );
            requests.push(
                Sent::raw_record(9, data)
                    .set("time", "9999-12-31T23:59:59.999-23:59")
                    .write(form),
            );
        }
    }
    // A raw record with these would be stored: it may have any price, and gets the record's time.
    for data in [
        r#"{"username":"Ada","userid":"ada","price":1e400}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"timestamp":"+262143-12-31T23:59:59Z"}"#,
    ] {
        requests.extend(Form::ALL.map(|form| Sent::with_data(&purchase_id, data).write(form)));
    }
    for request in requests {
        let answer = store.ask(&request).await;
        let request = String::from_utf8_lossy(&request);
        let request: String = request.chars().take(800).collect();
        let shown = raw::show(&answer);
        assert!(
            [400, 413, 415, 422].contains(&status(&answer)),
            "{request}\n{shown}"
        );
        assert!(
            header(&answer, "kne-reason").is_some(),
            "{request}\n{shown}"
        );
        assert!(header(&answer, "location").is_none());
    }
    assert_eq!(store.list().await, [purchase(9)]);
}

#[tokio::test]
async fn other_addresses_and_methods_are_told_what_there_is() {
    let store = Store::open().await;
    let mut catalogue = Catalogue::default();
    for line in [
        "GET /",
        "PUT /",
        "GET /purchases",
        "DELETE /purchases",
        "POST /buy",
        "POST /purchases/ada",
    ] {
        catalogue.add(line, &store.ask(&request(line, &[], "")).await);
    }
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_body_that_breaks_off_says_nothing_about_its_event_and_must_come_again() {
    let store = Store::open().await;
    let head = "POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
        Content-Type: application/cloudevents+json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = store
        .ask(format!("{head}5\r\n{{\"spe\r\nno chunk\r\n").as_bytes())
        .await;
    assert_eq!(status(&answer), 503, "{}", raw::show(&answer));
}
