//! A server that fails as servers do, told to by its fail points.

use mongodb::bson::{Bson, Document, doc};
use purchase::{Owner, PortError, Purchase, PurchaseReader, PurchaseWriter, Recorded, Username};
use testkit::sample::{self, entries};

use crate::support::mongod::Mongod;
use crate::support::{Store, user};

type Answers = Vec<Result<Recorded, PortError>>;

fn is_transient<T: std::fmt::Debug>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Transient(_)))
}

fn is_permanent<T: std::fmt::Debug>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Permanent(_)))
}

fn times(times: i32) -> Bson {
    doc! { "times": times }.into()
}

async fn record(test: &Store, purchases: &[Purchase]) -> Answers {
    test.store.record_all(entries(purchases)).await
}

#[tokio::test]
async fn each_purchase_of_a_failing_batch_gets_its_own_answer() {
    let mongod = Mongod::start().await;
    let test = Store::open(&mongod.uri()).await;
    let validator = doc! { "username": { "$ne": "Mallory" } };
    test.run(doc! { "collMod": "purchases", "validator": validator })
        .await;

    let [old, new, mut invalid, newer] = [0, 1, 2, 3].map(|_| sample::purchase("ada"));
    record(&test, std::slice::from_ref(&old))
        .await
        .remove(0)
        .unwrap();
    invalid.username = Username::parse("Mallory").unwrap();
    let conflict = Purchase {
        item: None,
        ..old.clone()
    };
    let batch = [
        new.clone(),
        old.clone(),
        invalid.clone(),
        newer,
        conflict,
        new.clone(),
        invalid,
    ];

    let concern = doc! { "code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out" };
    let data = doc! { "failCommands": ["insert"], "writeConcernError": concern };
    mongod.fail("failCommand", times(1), data).await;
    let duplicate = Recorded::Duplicate {
        timestamp: old.timestamp,
    };
    let answers = record(&test, &batch).await;
    // Written, but no majority: unsure. The duplicate and the conflict were durable before.
    assert!(
        is_transient(&answers[0]) && is_transient(&answers[3]) && is_transient(&answers[5]),
        "{answers:?}"
    );
    assert!(
        matches!(answers[1], Ok(answer) if answer == duplicate),
        "{answers:?}"
    );
    assert!(
        is_permanent(&answers[2]) && is_transient(&answers[6]),
        "{answers:?}"
    );
    assert!(matches!(answers[4], Ok(Recorded::Conflict)), "{answers:?}");
    assert!(!format!("{answers:?}").contains("Mallory"), "{answers:?}");

    // The same again, and nothing fails: what was unsure is a duplicate now.
    let answers = record(&test, &batch).await;
    assert!(
        matches!(answers[0], Ok(Recorded::Duplicate { .. })),
        "{answers:?}"
    );
    assert!(is_permanent(&answers[2]), "{answers:?}");
    assert_eq!(
        test.store.list(&user("ada"), None, 10).await.unwrap().len(),
        3
    );
}

#[tokio::test]
async fn a_duplicate_without_a_majority_is_no_success() {
    let mongod = Mongod::start().await;
    let test = Store::open(&mongod.uri()).await;
    let purchase = sample::purchase("ada");
    let stored = record(&test, std::slice::from_ref(&purchase))
        .await
        .remove(0);
    assert!(matches!(stored, Ok(Recorded::Stored)));
    let document = test
        .purchases
        .find_one_and_delete(doc! {})
        .await
        .unwrap()
        .unwrap();
    // From here on, nothing that is written reaches the majority's view.
    mongod
        .fail("disableSnapshotting", "alwaysOn", doc! {})
        .await;
    let weak = doc! { "insert": "purchases", "documents": [document], "writeConcern": { "w": 1 } };
    test.run(weak).await;
    let answer = record(&test, std::slice::from_ref(&purchase))
        .await
        .remove(0);
    assert!(is_transient(&answer), "{answer:?}");
    mongod.fail("disableSnapshotting", "off", doc! {}).await;
    // Anything else that is written moves the majority's view on.
    record(&test, &[sample::purchase("bob")]).await;
    let answer = record(&test, &[purchase]).await.remove(0);
    assert!(
        matches!(answer, Ok(Recorded::Duplicate { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn errors_that_may_pass_are_told_from_those_that_stay() {
    let mongod = Mongod::start().await;
    let test = Store::open(&mongod.uri()).await;
    let old = sample::purchase("ada");
    record(&test, std::slice::from_ref(&old))
        .await
        .remove(0)
        .unwrap();
    let fail = async |command: &str, count, failure: Document| {
        let mut data = doc! { "failCommands": [command] };
        data.extend(failure);
        mongod.fail("failCommand", times(count), data).await;
    };
    let list = || test.store.list(&Owner::Everyone, None, 10);

    // One broken connection is mended by the driver's own second try, once and not twice.
    fail("insert", 1, doc! { "closeConnection": true }).await;
    let new = sample::purchase("ada");
    assert!(matches!(
        record(&test, &[new]).await[..],
        [Ok(Recorded::Stored)]
    ));
    fail("find", 1, doc! { "closeConnection": true }).await;
    assert_eq!(list().await.unwrap().len(), 2);

    fail("insert", 2, doc! { "closeConnection": true }).await;
    let unsure = sample::purchase("ada");
    let answer = record(&test, std::slice::from_ref(&unsure)).await.remove(0);
    assert!(is_transient(&answer), "{answer:?}");
    assert!(record(&test, &[unsure]).await.remove(0).is_ok());
    assert_eq!(list().await.unwrap().len(), 3);

    // NotWritablePrimary, InterruptedAtShutdown, Interrupted, MaxTimeMSExpired, an unknown one; Unauthorized, BadValue.
    for (code, transient) in [
        (10_107, true),
        (11_600, true),
        (11_601, true),
        (50, true),
        (4_711, true),
        (13, false),
        (2, false),
    ] {
        let failure = doc! { "errorCode": code };
        fail("insert", 2, failure.clone()).await;
        let answer = record(&test, &[sample::purchase("bob")]).await.remove(0);
        assert_eq!(
            (is_transient(&answer), is_permanent(&answer)),
            (transient, !transient),
            "{code}: {answer:?}"
        );
        mongod.fail("failCommand", "off", doc! {}).await;
        fail("find", 2, failure.clone()).await;
        let answer = list().await;
        assert_eq!(
            (is_transient(&answer), is_permanent(&answer)),
            (transient, !transient),
            "{code}: {answer:?}"
        );
        mongod.fail("failCommand", "off", doc! {}).await;
        // An id is taken, and by what cannot be read.
        fail("find", 2, failure).await;
        let answer = record(&test, std::slice::from_ref(&old)).await.remove(0);
        assert_eq!(
            (is_transient(&answer), is_permanent(&answer)),
            (transient, !transient),
            "{code}: {answer:?}"
        );
        mongod.fail("failCommand", "off", doc! {}).await;
    }
}

#[tokio::test]
async fn a_list_that_breaks_between_batches_is_an_error() {
    let mongod = Mongod::start().await;
    let test = Store::open(&mongod.uri()).await;
    // More than one reply holds: 16 MB.
    let large = (0..40).map(|_| Purchase {
        item: Some(purchase::Item::recorded("x".repeat(1 << 20)).unwrap()),
        ..sample::purchase("ada")
    });
    let large: Vec<_> = large.collect();
    record(&test, &large).await;
    assert_eq!(
        test.store
            .list(&user("ada"), None, 100)
            .await
            .unwrap()
            .len(),
        40
    );
    let data = doc! { "failCommands": ["getMore"], "closeConnection": true };
    mongod.fail("failCommand", "alwaysOn", data).await;
    let answer = test.store.list(&user("ada"), None, 100).await;
    assert!(is_transient(&answer));
}

#[tokio::test]
async fn a_refused_login_is_permanent_and_shows_no_password() {
    let mut mongod = Mongod::new(false, &["--auth"]);
    mongod.up().await;
    let roles = ["readWriteAnyDatabase"];
    let create = doc! { "createUser": "ada", "pwd": "s3cret", "roles": roles };
    let admin = mongod.admin().await;
    admin.run_command(create).await.unwrap();
    let login = |password: &str| {
        let uri = mongod.uri().replace("://", &format!("://ada:{password}@"));
        format!("{uri}&authSource=admin")
    };

    let known = Store::without_indexes(&login("s3cret")).await;
    assert!(
        record(&known, &[sample::purchase("ada")])
            .await
            .remove(0)
            .is_ok()
    );

    for uri in [login("s3cretx"), mongod.uri()] {
        let stranger = Store::without_indexes(&uri).await;
        let recorded = record(&stranger, &[sample::purchase("ada")])
            .await
            .remove(0);
        let listed = stranger.store.list(&Owner::Everyone, None, 1).await;
        assert!(
            is_permanent(&recorded) && is_permanent(&listed),
            "{recorded:?} {listed:?}"
        );
        let said = format!("{recorded:?} {listed:?}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
