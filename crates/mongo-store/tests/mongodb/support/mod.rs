//! A database of its own for each test, on the shared server or on one that the test may kill.
#![allow(dead_code, reason = "each test file uses its own part of it")]

pub(crate) mod mongod;

use mongo_store::{MongoConfig, MongoStore};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use purchase::{Cursor, Entry, Owner, Purchase, PurchaseReader, UserId};
use testkit::sample;

/// A store and, beside it, the bare driver on the same database.
pub(crate) struct Store {
    pub(crate) store: MongoStore,
    pub(crate) database: Database,
    pub(crate) purchases: Collection<Document>,
    pub(crate) uri: String,
}

impl Store {
    /// With indexes.
    pub(crate) async fn open(server: &str) -> Self {
        let store = Self::without_indexes(server).await;
        store.store.ensure_indexes().await;
        store
    }

    pub(crate) async fn without_indexes(server: &str) -> Self {
        Self::with_options(server, "").await
    }

    /// With more options of the URI, such as `&maxPoolSize=2`.
    pub(crate) async fn with_options(server: &str, options: &str) -> Self {
        let name = format!("test-{}", sample::purchase("x").id);
        let uri = format!("{}{options}", on_database(server, &name));
        let config = MongoConfig::from_uri(&uri).unwrap();
        let store = MongoStore::connect(config).await.unwrap();
        let client = Client::with_options(ClientOptions::parse(&uri).await.unwrap()).unwrap();
        let database = client.database(&name);
        Self {
            store,
            purchases: database.collection("purchases"),
            database,
            uri,
        }
    }

    pub(crate) async fn run(&self, command: Document) -> Document {
        self.database.run_command(command).await.unwrap()
    }

    /// What the server did since `profile: 2` was set, oldest first.
    pub(crate) async fn profile(&self, filter: Document) -> Vec<Document> {
        let profile = self.database.collection::<Document>("system.profile");
        let found = profile.find(filter).sort(doc! { "ts": 1 }).await.unwrap();
        futures_util::TryStreamExt::try_collect(found)
            .await
            .unwrap()
    }

    pub(crate) async fn drop(self) {
        self.database.drop().await.unwrap();
    }
}

/// The same server, another database.
pub(crate) fn on_database(uri: &str, database: &str) -> String {
    let (place, options) = uri.split_once('?').unwrap_or((uri, ""));
    let (scheme, rest) = place.split_once("://").unwrap();
    let hosts = rest.split('/').next().unwrap();
    format!("{scheme}://{hosts}/{database}?{options}")
}

pub(crate) fn user(userid: &str) -> Owner {
    Owner::User(UserId::recorded(userid).unwrap())
}

/// A document as the earlier services wrote it.
pub(crate) fn earlier(userid: &str, millis: i64, price: impl Into<Bson>) -> Document {
    doc! {
        "_id": ObjectId::new(),
        "username": "Ada Lovelace",
        "userid": userid,
        "item": "tea",
        "price": price.into(),
        "timestamp": DateTime::from_millis(millis),
        "__v": 0,
    }
}

pub(crate) fn raw(purchase: Purchase) -> Entry {
    Entry {
        purchase,
        origin: purchase::Origin::RawRecord,
    }
}

/// The whole list, page by page.
pub(crate) async fn pages(store: &MongoStore, owner: &Owner, size: usize) -> Vec<Purchase> {
    let mut all: Vec<Purchase> = Vec::new();
    loop {
        let after: Option<Cursor> = all.last().map(Purchase::cursor);
        let page = store.list(owner, after, size).await.unwrap();
        assert!(page.len() <= size);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
