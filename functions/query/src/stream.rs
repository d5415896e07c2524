//! A list of any length as one JSON array, page by page.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use purchase::wire::PurchaseJson;
use purchase::{Cursor, Owner, PortError, Purchase, PurchaseReader};

/// Purchases read at a time: about 100 KiB, so a hundred streams at once hold 10 MiB.
const PAGE: usize = 500;

/// The whole list after the cursor. The first page is read before anything is answered, so that a store that is away gives
/// an honest 503; a failure later is an error of the body, which resets the connection.
pub(crate) async fn whole(
    reader: Arc<dyn PurchaseReader>,
    owner: Owner,
    after: Option<Cursor>,
) -> Result<Body, PortError> {
    let first = reader.list(&owner, after, PAGE).await?;
    if first.len() < PAGE {
        return Ok(array(&first).into());
    }
    let pages = stream::try_unfold(Next::First(first), move |next| {
        let (reader, owner) = (Arc::clone(&reader), owner.clone());
        async move {
            let (chunk, page) = match next {
                Next::First(page) => (vec![b'['], page),
                Next::After(cursor) => {
                    let page = reader.list(&owner, Some(cursor), PAGE).await?;
                    (
                        if page.is_empty() {
                            Vec::new()
                        } else {
                            vec![b',']
                        },
                        page,
                    )
                }
                Next::End => return Ok::<_, PortError>(None),
            };
            let (chunk, next) = write(chunk, &page);
            Ok(Some((Bytes::from(chunk), next)))
        }
    });
    Ok(Body::from_stream(pages))
}

enum Next {
    /// Read already.
    First(Vec<Purchase>),
    /// To be read once the client has taken what came before.
    After(Cursor),
    End,
}

/// Writes a page; one that is not full is the last and closes the array.
fn write(mut json: Vec<u8>, page: &[Purchase]) -> (Vec<u8>, Next) {
    write_items(&mut json, page);
    match page.last() {
        Some(last) if page.len() == PAGE => (json, Next::After(last.cursor())),
        _ => {
            json.push(b']');
            (json, Next::End)
        }
    }
}

/// A list that is complete in memory.
pub(crate) fn array(purchases: &[Purchase]) -> Vec<u8> {
    let mut json = vec![b'['];
    write_items(&mut json, purchases);
    json.push(b']');
    json
}

fn write_items(json: &mut Vec<u8>, purchases: &[Purchase]) {
    for (index, purchase) in purchases.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        // Strings and numbers into memory: there is nothing that could fail.
        let _ = serde_json::to_writer(&mut *json, &PurchaseJson::from(purchase));
    }
}
