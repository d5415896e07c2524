//! A reader that counts what the store is asked, and that can be away.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use purchase::{Cursor, Owner, PortError, Purchase, PurchaseId, PurchaseReader, Summary, UserId};
use sqlite::SqliteStore;

/// What a failing store says of itself, and no client may ever read.
pub const INTERNALS: &str = "cannot reach 10.1.2.3:27017 as admin";

pub struct Spy {
    store: SqliteStore,
    lists: AtomicUsize,
    lists_max: AtomicUsize,
    searches: Mutex<Vec<Vec<PurchaseId>>>,
    searches_fail: AtomicBool,
    panics: AtomicBool,
    mute: AtomicBool,
}

impl Spy {
    pub fn on(store: SqliteStore) -> Self {
        Self {
            store,
            lists: AtomicUsize::new(0),
            lists_max: AtomicUsize::new(usize::MAX),
            searches: Mutex::default(),
            searches_fail: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            mute: AtomicBool::new(false),
        }
    }

    /// How many pages were asked for.
    pub fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }

    /// Every page after the first `n` fails.
    pub fn fail_lists_after(&self, n: usize) {
        self.lists_max.store(n, Ordering::SeqCst);
    }

    /// The ids of every call of `find_owners`, in order.
    pub fn searches(&self) -> MutexGuard<'_, Vec<Vec<PurchaseId>>> {
        self.searches.lock().unwrap()
    }

    pub fn fail_searches(&self, fail: bool) {
        self.searches_fail.store(fail, Ordering::SeqCst);
    }

    /// The next search finds a bug of the driver.
    pub fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// From now on it does not tell when it has grown, like a store that cannot.
    pub fn mute(&self) {
        self.mute.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl PurchaseReader for Spy {
    async fn list(
        &self,
        owner: &Owner,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Purchase>, PortError> {
        let before = self.lists.fetch_add(1, Ordering::SeqCst);
        if before >= self.lists_max.load(Ordering::SeqCst) {
            return Err(PortError::transient(INTERNALS));
        }
        self.store.list(owner, after, limit).await
    }

    async fn find_owners(
        &self,
        ids: Vec<PurchaseId>,
    ) -> Result<HashMap<PurchaseId, UserId>, PortError> {
        self.searches().push(ids.clone());
        assert!(!self.panics.swap(false, Ordering::SeqCst), "{INTERNALS}");
        if self.searches_fail.load(Ordering::SeqCst) {
            return Err(PortError::transient(INTERNALS));
        }
        self.store.find_owners(ids).await
    }

    async fn summarize(&self, userid: &UserId) -> Result<Summary, PortError> {
        self.store.summarize(userid).await
    }

    async fn changed(&self) {
        if self.mute.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        self.store.changed().await;
    }
}
