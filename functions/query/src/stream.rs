//! A list of any length, page by page.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use purchase::{Cursor, Owner, PortError, Purchase, PurchaseReader};

use crate::format::Format;

/// Purchases read at a time: about 100 KiB, so a hundred streams at once hold 10 MiB.
const PAGE: usize = 500;

/// The whole list after the cursor. The first page is read before anything is answered, so that a store that is away gives
/// an honest 503; a failure later is an error of the body, which resets the connection.
pub(crate) async fn whole(
    reader: Arc<dyn PurchaseReader>,
    owner: Owner,
    after: Option<Cursor>,
    format: Format,
) -> Result<Body, PortError> {
    let first = reader.list(&owner, after, PAGE).await?;
    if first.len() < PAGE {
        return Ok(format.whole(&first).into());
    }
    let pages = stream::try_unfold(Next::First(first), move |next| {
        let (reader, owner) = (Arc::clone(&reader), owner.clone());
        async move {
            let (mut part, page, is_first) = match next {
                Next::First(page) => (format.head(), page, true),
                Next::After(cursor) => {
                    let page = reader.list(&owner, Some(cursor), PAGE).await?;
                    (Vec::new(), page, false)
                }
                Next::End => return Ok::<_, PortError>(None),
            };
            format.write(&mut part, &page, is_first);
            let next = match page.last() {
                Some(last) if page.len() == PAGE => Next::After(last.cursor()),
                // A page that is not full is the last.
                _ => {
                    part.extend_from_slice(format.tail());
                    Next::End
                }
            };
            Ok(Some((Bytes::from(part), next)))
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
