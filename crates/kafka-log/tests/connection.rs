//! How the environment becomes a connection.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use kafka_log::{Connection, KafkaLog, LogOptions};
use serve::{Env, EnvProblems};

const PASSWORD: &str = "correct horse";

/// Of an authority that nobody trusts.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBmTCCAT+gAwIBAgIUPzxDbAK9rkz4/c6chrIX9tY+kw0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyMzAzMzQ1MFoXDTM2MTEyMDAz
MzQ1MFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEXH8uRZawJcu3yg+3Ah8zuW/o4ztii+d4+6E2Y2euSH5kFWQrKZnxblfZ
CjtQD8QF2LTVnDOAtlZwygU7MuU2k6NvMG0wHQYDVR0OBBYEFCZWX+hoxYqVooJE
Adi2wSYyjpikMB8GA1UdIwQYMBaAFCZWX+hoxYqVooJEAdi2wSYyjpikMA8GA1Ud
EwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49
BAMCA0gAMEUCIQC017fdPM12iwh+qqaKoUmoLztgL3DZ6F6h4jl+435RrgIgSB/t
Ncj+qexUY87zg6nCJ+4J8GWLvbHJyYcNEWPiUnk=
-----END CERTIFICATE-----
";

fn parse(variables: &[(&str, &str)]) -> Result<Connection, EnvProblems> {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let mut env = Env::new(&lookup);
    let connection = Connection::read(&mut env);
    env.finish(connection)
}

/// The connection as it is shown, or what is wrong.
fn read(variables: &[(&str, &str)]) -> Result<String, String> {
    match parse(variables) {
        Ok(connection) => Ok(format!("{connection:?}")),
        Err(problems) => Err(problems.to_string()),
    }
}

#[test]
fn without_variables_it_is_the_broker_of_a_developers_machine() {
    assert_eq!(
        read(&[]).unwrap(),
        "Connection { brokers: \"localhost:9092\", protocol: \"plaintext\", mechanism: None, user: None, ca_file: None, .. }"
    );
}

#[tokio::test]
async fn names_of_protocols_and_mechanisms_have_any_case_and_a_client_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem").to_str().unwrap().to_owned();
    std::fs::write(&ca_file, CERTIFICATE).unwrap();
    let connection = parse(&[
        ("KAFKA_BROKER", "a.example:9092, [::1]:9093"),
        ("KAFKA_SECURITY_PROTOCOL", "Sasl_SSL"),
        ("KAFKA_SASL_MECHANISM", "scram-sha-512"),
        ("KAFKA_USER", "ada"),
        ("KAFKA_PASSWORD", PASSWORD),
        ("KAFKA_CA_FILE", &ca_file),
    ])
    .unwrap();
    let shown = format!("{connection:?}").replace(&ca_file, "ca.pem");
    assert_eq!(
        shown,
        "Connection { brokers: \"a.example:9092, [::1]:9093\", protocol: \"sasl_ssl\", \
         mechanism: Some(\"SCRAM-SHA-512\"), user: Some(\"ada\"), ca_file: Some(\"ca.pem\"), .. }"
    );
    KafkaLog::new(&connection, "purchases", LogOptions::default()).unwrap();
}

#[test]
fn brokers_that_are_no_addresses_are_refused() {
    for brokers in [
        "kafka",
        "kafka:",
        ":9092",
        "kafka:0",
        "kafka:99999",
        "a:1,",
        "a:1,,b:2",
        "a:1;b:2",
        "kafka://a:1",
        "::1:9092",
        "a b:1",
    ] {
        let problems = read(&[("KAFKA_BROKER", brokers)]).unwrap_err();
        assert!(problems.contains("KAFKA_BROKER"), "{brokers}: {problems}");
    }
    for brokers in ["shop:s3cret@host:9092", "s3cret@host:9092"] {
        let problems = read(&[("KAFKA_BROKER", brokers)]).unwrap_err();
        assert!(!problems.contains("s3cret"), "{problems}");
    }
}

#[test]
fn contradictions_are_reported_together_and_without_the_password() {
    let problems = |variables: &[(&str, &str)]| {
        let problems = read(variables).unwrap_err();
        assert!(!problems.contains(PASSWORD), "{problems}");
        problems
    };
    let without_sasl = problems(&[
        ("KAFKA_SECURITY_PROTOCOL", "plaintext"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_USER", "ada"),
        ("KAFKA_PASSWORD", PASSWORD),
        ("KAFKA_CA_FILE", "/nowhere"),
    ]);
    let without_credentials = problems(&[
        ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("KAFKA_SASL_MECHANISM", "GSSAPI"),
    ]);
    let with_half = problems(&[
        ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
        ("KAFKA_USER", "ada"),
        ("KAFKA_CA_FILE", "/nowhere"),
    ]);
    let no_certificate = problems(&[
        ("KAFKA_SECURITY_PROTOCOL", "ssl"),
        ("KAFKA_CA_FILE", "/dev/null"),
    ]);
    let unknown = problems(&[
        ("KAFKA_SECURITY_PROTOCOL", "tls"),
        ("KAFKA_PASSWORD", PASSWORD),
    ]);
    insta::assert_snapshot!(
        [
            without_sasl,
            without_credentials,
            with_half,
            no_certificate,
            unknown
        ]
        .join("\n")
    );
}
