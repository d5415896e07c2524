//! The floor for a cold start of query: the bare driver with the same options, one find, and the end.
//!
//! `bare_find URI` prints `found` and the number of documents that one page of the newest has.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use mongodb::Client;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{ClientOptions, ReadConcern};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let uri = std::env::args().nth(1).ok_or("usage: bare_find URI")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let found = runtime.block_on(find(&uri))?;
    #[expect(clippy::print_stdout, reason = "it is what it is for")]
    {
        println!("found {found}");
    }
    // Without this, the runtime waits for the driver's monitors.
    runtime.shutdown_background();
    Ok(())
}

async fn find(uri: &str) -> Result<usize, Failure> {
    let mut options = ClientOptions::parse(uri).await?;
    options.server_selection_timeout = Some(Duration::from_secs(3));
    options.connect_timeout = Some(Duration::from_secs(2));
    options.heartbeat_freq = Some(Duration::from_secs(2));
    options.max_pool_size = Some(64);
    options.max_connecting = Some(4);
    let client = Client::with_options(options)?;
    let database = client
        .default_database()
        .unwrap_or_else(|| client.database("purchases"));
    let mut batches = database
        .collection::<RawDocumentBuf>("purchases")
        .find(doc! {})
        .sort(doc! { "timestamp": -1, "_id": -1 })
        .limit(20)
        .read_concern(ReadConcern::majority())
        .batch()
        .await?;
    let mut found = 0;
    while let Some(batch) = batches.try_next().await? {
        found += batch.doc_slices()?.into_iter().count();
    }
    Ok(found)
}
