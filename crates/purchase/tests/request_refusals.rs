//! Every way of stating a purchase wrongly: the client is told all that is wrong, in words that say how to mend it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write as _;

use purchase::NewPurchase;
use purchase::request::{self, Refusal, Timestamps};

fn from_json(body: &[u8]) -> Result<NewPurchase, Refusal> {
    request::from_json(body, Timestamps::Sender)
}

fn from_form(body: &[u8]) -> Result<NewPurchase, Refusal> {
    request::from_form(body, Timestamps::Sender)
}

fn show(refusal: &Refusal) -> String {
    let mut shown = format!("{refusal}\n");
    if let Refusal::Invalid { fields, .. } = refusal {
        for fault in fields {
            writeln!(shown, "  - {} {}", fault.field, fault.message).unwrap();
        }
    }
    shown
}

#[test]
fn every_refusal_says_how_to_mend_it() {
    let deep = format!(
        r#"{{"username":"a","userid":{}{},"price":1}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let long = format!(
        r#"{{"username":"{0}","userid":"{0}","item":"{0}","price":1}}"#,
        "x".repeat(1_001)
    );
    let json = [
        "",
        "{}",
        "null",
        "[\"a\",\"b\",\"c\",1]",
        r#"{"username":"a","userid":"b","price":1"#,
        r#"{"username":"a","userid":"b","price":NaN}"#,
        r#"{"username":"a","userid":"b","price":007}"#,
        r#"{"username":"a","username":"c","userid":"b","price":1}"#,
        r#"{"username":" ","userid":null,"price":""}"#,
        r#"{"username":1,"userid":true,"item":{},"price":[1],"timestamp":5}"#,
        r#"{"username":"a","userid":"b","price":-1}"#,
        r#"{"username":"a","userid":"b","price":0}"#,
        r#"{"username":"a","userid":"b","price":"NaN"}"#,
        r#"{"username":"a","userid":"b","price":1e400}"#,
        r#"{"username":"a","userid":"b","price":1234567890123.456}"#,
        r#"{"username":"a","userid":"b","price":0.1234567}"#,
        r#"{"username":"a","userid":"..","price":1}"#,
        r#"{"username":"a\u0000","userid":"b\r\n","item":"\u007f","price":1}"#,
        r#"{"username":"\ud800","userid":"b","price":1}"#,
        r#"{"username":"a","userid":"b","price":1,"timestamp":"today"}"#,
        "username=a&userid=b&price=1",
        &long,
        &deep,
    ];
    let mut shown = String::new();
    for body in json {
        let label: String = body.chars().take(90).collect();
        let refusal = from_json(body.as_bytes()).expect_err(&label);
        write!(shown, "JSON {label}\n{}\n", show(&refusal)).unwrap();
    }
    for body in [
        "",
        "username=a&userid=b",
        "username=a&userid=b&price=x",
        "username=a&username=b",
        "username=%ff",
    ] {
        let refusal = from_form(body.as_bytes()).expect_err(body);
        write!(shown, "FORM {body}\n{}\n", show(&refusal)).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn json_and_form_state_the_same_purchase() {
    let json = from_json(
        r#" {"username":" Zoë ","userid":"a+b","item":"","price":"1.50","more":[1e999]} "#
            .as_bytes(),
    );
    let form = from_form("username=+Zo%C3%AB&userid=a%2Bb&item=&price=1.5&more=".as_bytes());
    let (json, form) = (json.unwrap(), form.unwrap());
    assert_eq!(json, form);
    assert_eq!(json.username.as_str(), "Zoë");
    assert_eq!(json.item, None);
    assert_eq!(json.price.to_string(), "1.5");
}

#[test]
fn bad_utf_8_is_refused() {
    assert!(from_json(b"{\"username\":\"\xff\",\"userid\":\"b\",\"price\":1}").is_err());
    assert!(from_form(b"username=\xff&userid=b&price=1").is_err());
}

#[test]
fn the_time_of_a_purchase_is_the_senders_only_where_that_is_allowed() {
    let body = br#"{"username":"a","userid":"b","price":1,"timestamp":"2026-01-31T12:00:00Z"}"#;
    assert!(
        request::from_json(body, Timestamps::Sender)
            .unwrap()
            .timestamp
            .is_some()
    );
    assert!(
        request::from_json(body, Timestamps::Receiver)
            .unwrap()
            .timestamp
            .is_none()
    );
    let body = b"username=a&userid=b&price=1&timestamp=soon";
    assert!(request::from_form(body, Timestamps::Sender).is_err());
    assert!(request::from_form(body, Timestamps::Receiver).is_ok());
}
