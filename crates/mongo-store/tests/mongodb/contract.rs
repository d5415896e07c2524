//! MongoDB keeps the contract of the ports, with indexes and without, as a replica set and on its own.

use testkit::{contract, services};

use crate::support::Store;
use crate::support::mongod::Mongod;

#[tokio::test]
async fn mongodb_is_a_purchase_writer() {
    let test = Store::open(&services::mongodb()).await;
    contract::writer::run(&test.store, &test.store).await;
    test.drop().await;
}

#[tokio::test]
async fn mongodb_is_a_purchase_lookup() {
    let indexed = Store::open(&services::mongodb()).await;
    let plain = Store::without_indexes(&services::mongodb()).await;
    for test in [indexed, plain] {
        contract::lookup::run(&test.store, &test.store).await;
        test.drop().await;
    }
}

#[tokio::test]
async fn mongodb_is_a_purchase_reader() {
    let test = Store::open(&services::mongodb()).await;
    contract::reader::run(&test.store, &test.store).await;
    test.drop().await;
}

#[tokio::test]
async fn lists_are_the_same_before_the_indexes_are_made() {
    let test = Store::without_indexes(&services::mongodb()).await;
    contract::reader::run(&test.store, &test.store).await;
    test.drop().await;
}

#[tokio::test]
async fn a_server_on_its_own_is_a_store_too() {
    let mut mongod = Mongod::new(false, &[]);
    mongod.up().await;
    let test = Store::open(&mongod.uri()).await;
    contract::writer::run(&test.store, &test.store).await;
    contract::lookup::run(&test.store, &test.store).await;
    contract::reader::run(&test.store, &test.store).await;
}
