//! The real servers that a test needs, where `scripts/services.sh` put them.

/// The address of a Kafka broker.
#[must_use]
pub fn kafka() -> String {
    address("KAFKA_BROKER", "Kafka")
}

/// The broker's second listener, and the port of 127.0.0.1 to which it sends its clients back: a test's own proxy listens there.
#[must_use]
pub fn kafka_behind_proxy() -> (String, u16) {
    let port = address("KAFKA_PROXY_PORT", "Kafka");
    (address("KAFKA_PROXIED", "Kafka"), port.parse().unwrap())
}

/// The broker's listener that asks who is there, and the user and password that it knows.
#[must_use]
pub fn kafka_secured() -> (String, &'static str, &'static str) {
    (address("KAFKA_SECURED", "Kafka"), "shop", "correct-horse")
}

/// The address of a MongoDB.
#[must_use]
pub fn mongodb() -> String {
    address("MONGODB_URI", "MongoDB")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads where its server is; a product reads its configuration through serve::Env"
)]
fn address(variable: &str, server: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("this test needs {server}: run scripts/test.sh, or eval \"$(scripts/services.sh up)\" first")
    })
}
