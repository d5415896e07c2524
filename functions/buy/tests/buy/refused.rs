//! Purchases that buy refuses for what they say. The snapshots are the catalogue of what a client can be told.

use crate::support::{Shop, VALID, form, json, refused, titled};
use testkit::raw::{request, status};

#[tokio::test]
async fn missing_fields() {
    let bodies = [
        "{}",
        r#"{"userid":"ada","price":1}"#,
        r#"{"username":"Ada","price":1}"#,
        r#"{"username":"Ada","userid":"ada"}"#,
        r#"{"username":" ","userid":"ada","price":1}"#,
        r#"{"username":"Ada","userid":"\u3000\t","price":1}"#,
        r#"{"username":"Ada","userid":"ada","price":" "}"#,
        r#"{"username":null,"userid":null,"price":null,"item":null}"#,
        r#"{"Username":"Ada","userId":"ada","Price":1}"#,
    ];
    let catalogue = refused(&Shop::open().await, 400, titled(&bodies, json)).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn missing_form_fields() {
    let bodies = [
        "",
        "username=&userid=&price=",
        "username=Ada&userid=ada",
        "username",
    ];
    let catalogue = refused(&Shop::open().await, 400, titled(&bodies, form)).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn wrong_types() {
    let bodies = [
        r#"{"username":1,"userid":"ada","price":1}"#,
        r#"{"username":"Ada","userid":7,"price":1}"#,
        r#"{"username":"Ada","userid":true,"price":1}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"item":3}"#,
        r#"{"username":"Ada","userid":"ada","price":1,"item":["tea"]}"#,
        r#"{"username":"Ada","userid":"ada","price":true}"#,
        r#"{"username":"Ada","userid":"ada","price":[1]}"#,
        r#"{"username":{},"userid":[],"price":{},"item":false}"#,
        r#"{"username":"\ud800","userid":"ada","price":1}"#,
    ];
    let catalogue = refused(&Shop::open().await, 400, titled(&bodies, json)).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn bad_prices() {
    let mut requests: Vec<_> = [
        "-1",
        "-0.0",
        "0",
        "0.00",
        "0e5",
        "\"0\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-1\"",
        "\"12,50\"",
        "\"12.50 EUR\"",
        "\"1.\"",
        "\".5\"",
        "\"+1\"",
        "\"0x10\"",
        "\"1 000\"",
        "\"١٢\"",
        "1e400",
        "1e-400",
        "1e-2147483648",
        "1e-99999999999",
        "1e99999999999",
        "1e15",
        "1000000000000000",
        "1234567890.123456",
        "0.1234567",
        "\"1e-7\"",
    ]
    .map(|price| {
        let body = format!(r#"{{"username":"Ada","userid":"ada","price":{price}}}"#);
        (format!("price {price}"), json(&body))
    })
    .into();
    for price in ["abc", "-3", "12,5", "%E2%82%AC5"] {
        let body = format!("username=Ada&userid=ada&price={price}");
        requests.push((format!("form {body}"), form(&body)));
    }
    let catalogue = refused(&Shop::open().await, 400, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn a_price_with_an_absurd_exponent_is_refused_like_any_other() {
    let shop = Shop::open().await;
    for price in ["0.1e-2147483648", "0.1e2147483648", "0.01e-2147483647"] {
        let body = format!(r#"{{"username":"Ada","userid":"ada","price":{price}}}"#);
        assert_eq!(status(&shop.ask(&json(&body)).await), 400, "{price}");
    }
}

#[tokio::test]
async fn bad_texts() {
    let with = |username: &str, userid: &str, item: &str| {
        let body =
            format!(r#"{{"username":"{username}","userid":"{userid}","item":"{item}","price":1}}"#);
        json(&body)
    };
    let requests = [
        (
            "user id of 257 characters",
            with("Ada", &"ü".repeat(257), "tea"),
        ),
        (
            "user name of 1,001 characters",
            with(&"ü".repeat(1_001), "ada", "tea"),
        ),
        (
            "item of 201 characters",
            with("Ada", "ada", &"ü".repeat(201)),
        ),
        (
            "all three too long",
            with(&"x".repeat(1_001), &"x".repeat(257), &"x".repeat(201)),
        ),
        ("NUL in the user id", with("Ada", r"a\u0000b", "tea")),
        (
            "line end in the user name",
            with(r"Ada\r\nBob", "ada", "tea"),
        ),
        ("DEL in the item", with("Ada", "ada", r"te\u007fa")),
        (
            "next line (U+0085) in the item",
            with("Ada", "ada", r"te\u0085a"),
        ),
        ("user id .", with("Ada", ".", "tea")),
        ("user id ..", with("Ada", " .. ", "tea")),
        (
            "everything at once",
            json(r#"{"username":"\u0001","userid":"..","item":4,"price":-1}"#),
        ),
        (
            "form: line end in the item",
            form("username=Ada&userid=ada&price=1&item=a%0Ab"),
        ),
    ]
    .map(|(title, request)| (title.to_owned(), request));
    let catalogue = refused(&Shop::open().await, 400, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn bodies_that_are_not_json() {
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = format!(r#"{{"username":"Ada","userid":{nested},"price":1}}"#);
    let mut requests = titled(
        &[
            "",
            "null",
            "7",
            r#""purchase""#,
            r#"["Ada","ada","tea",1]"#,
            r#"{"username":"Ada","userid":"ada","price":1"#,
            "{\n  \"username\": \"Ada\",\n  \"userid\": ada,\n  \"price\": 1\n}",
            r#"{"username":"Ada","userid":"ada","price":1,}"#,
            r#"{'username':'Ada'}"#,
            r#"{"username":"Ada","userid":"ada","price":NaN}"#,
            r#"{"username":"Ada","userid":"ada","price":.5}"#,
            r#"{"username":"Ada","userid":"ada","price":007}"#,
            r#"{"username":"Ada","userid":"ada","price":1} {}"#,
            r#"{"username":"Ada","username":"Bob","userid":"ada","price":1}"#,
            r#"{"username":"Ada","userid":"ada","price":1,"price":2}"#,
            "{\"username\":\"A\tda\",\"userid\":\"ada\",\"price\":1}",
            "username=Ada&userid=ada&price=1",
            "item=tea&username=Ada&userid=ada&price=1",
            "\u{feff}{}",
        ],
        json,
    );
    requests.push((
        "10,000 arrays in each other as the body".into(),
        json(&nested),
    ));
    requests.push((
        "10,000 arrays in each other as the user id".into(),
        json(&deep),
    ));
    let type_json = ["Content-Type: application/json"];
    let latin = b"{\"username\":\"Zo\xeb\",\"userid\":\"ada\",\"price\":1}";
    requests.push(("Latin-1".into(), request("POST /buy", &type_json, latin)));
    let catalogue = refused(&Shop::open().await, 400, requests).await;
    insta::assert_snapshot!(catalogue.0);
}

#[tokio::test]
async fn bodies_that_are_no_forms() {
    let bodies = [
        VALID,
        " \n{\"username\":\"Ada\"}",
        "[1]",
        "username=Ada&username=Bob&userid=ada&price=1",
        "username=%ff&userid=ada&price=1",
        "userid=ada;username=Ada;price=1",
    ];
    let catalogue = refused(&Shop::open().await, 400, titled(&bodies, form)).await;
    insta::assert_snapshot!(catalogue.0);
}
