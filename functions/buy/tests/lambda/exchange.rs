//! The same request over HTTP and as an event of API Gateway (payload 2.0), and the answer to either.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::raw;

#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Raw, with the query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(target: &str) -> Self {
        Self {
            method: "GET",
            target: target.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn buy(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            target: "/buy".to_owned(),
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into(),
        }
    }

    pub(crate) fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    /// As a client sends it.
    pub(crate) async fn over_http(&self, address: SocketAddr) -> Answer {
        let line = format!("{} {}", self.method, self.target);
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let request = if self.method == "POST" {
            raw::request(&line, &headers, &self.body)
        } else {
            raw::head(&line, &headers)
        };
        let answer = raw::exchange(address, &request).await;
        let text = String::from_utf8(answer.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let headers = head
            .lines()
            .skip(1)
            .map(|line| line.split_once(": ").unwrap());
        Answer::new(raw::status(&answer), headers, body.to_owned())
    }

    /// As a function URL hands it on.
    pub(crate) fn event(&self) -> Value {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        let of_host = [
            ("Host", "shop.lambda-url.eu-central-1.on.aws"),
            ("X-Forwarded-Proto", "https"),
        ];
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in of_host.into_iter().chain(own) {
            let joined = headers.entry(name.to_ascii_lowercase());
            joined
                .and_modify(|all| *all = format!("{all},{value}"))
                .or_insert_with(|| value.to_owned());
        }
        // What is no text for sure is sent in base64, and a form is none.
        let content_type = headers.get("content-type").map_or("", String::as_str);
        let is_text =
            content_type.starts_with("application/json") || content_type.starts_with("text/");
        let body = match &self.body {
            body if body.is_empty() => Value::Null,
            body if is_text => String::from_utf8(body.clone()).unwrap().into(),
            body => STANDARD.encode(body).into(),
        };
        let is_encoded = !is_text && !self.body.is_empty();
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "shop",
                "domainName": "shop.lambda-url.eu-central-1.on.aws",
                "domainPrefix": "shop",
                "http": {
                    "method": self.method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "test",
                },
                "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
                "routeKey": "$default",
                "stage": "$default",
                "time": "31/Jan/2026:12:00:00 +0000",
                "timeEpoch": 1_769_860_800_000_i64,
            },
            "body": body,
            "isBase64Encoded": is_encoded,
        })
    }
}

/// What a client gets to see, without what differs from one time to the next.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    fn new<'a>(
        status: u16,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: String,
    ) -> Self {
        // Of the connection, which ends at the host; and the time of day.
        const OF_THE_CONNECTION: [&str; 3] = ["connection", "content-length", "date"];
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
            .map(|(name, value)| match name.as_str() {
                "server-timing" => (name, value.replace(|c: char| c.is_ascii_digit(), "")),
                _ => (name, value.to_owned()),
            });
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in headers {
            // Repeated, it means the same.
            let line = lines.entry(name);
            line.and_modify(|line| *line = format!("{line}, {value}"))
                .or_insert_with(|| value.clone());
        }
        Self {
            status,
            headers: lines,
            body,
        }
    }

    /// Of what a function says to an event.
    pub(crate) fn of_event(said: &Value) -> Self {
        let status = said["statusCode"].as_u64().unwrap();
        let headers = said["headers"].as_object().unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let body = said["body"].as_str().unwrap_or_default();
        let body = if said["isBase64Encoded"] == true {
            String::from_utf8(STANDARD.decode(body).unwrap()).unwrap()
        } else {
            body.to_owned()
        };
        Self::new(u16::try_from(status).unwrap(), headers, body)
    }
}
