//! The fields of a stored document, and what to say of one that cannot be read.

use mongodb::bson::{RawBsonRef, RawDocument};
use purchase::{PurchaseId, UserId};

use crate::error::MongoError;

/// The fields of a document that matter, found in one pass.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    pub(crate) id: Option<RawBsonRef<'a>>,
    pub(crate) username: Option<RawBsonRef<'a>>,
    pub(crate) userid: Option<RawBsonRef<'a>>,
    pub(crate) item: Option<RawBsonRef<'a>>,
    pub(crate) price: Option<RawBsonRef<'a>>,
    pub(crate) timestamp: Option<RawBsonRef<'a>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(document: &'a RawDocument) -> Result<Self, MongoError> {
        let mut fields = Self::default();
        for element in document.iter_elements() {
            let element = element.map_err(|_| fields.unreadable("content", None))?;
            let (field, name) = match element.key().as_str() {
                "_id" => (&mut fields.id, "_id"),
                "username" => (&mut fields.username, "username"),
                "userid" => (&mut fields.userid, "userid"),
                "item" => (&mut fields.item, "item"),
                "price" => (&mut fields.price, "price"),
                "timestamp" => (&mut fields.timestamp, "timestamp"),
                _ => continue,
            };
            match element.value() {
                Ok(value) => *field = Some(value),
                Err(_) => return Err(fields.unreadable(name, None)),
            }
        }
        Ok(fields)
    }

    pub(crate) fn id(&self) -> Result<PurchaseId, MongoError> {
        match self.id {
            Some(RawBsonRef::ObjectId(id)) => Some(PurchaseId::ObjectId(id.bytes())),
            // Any other text for the same UUID has another place in the order of the index.
            Some(RawBsonRef::String(text)) => PurchaseId::parse_uuid(text)
                .ok()
                .filter(|id| id.to_string() == text),
            _ => None,
        }
        .ok_or_else(|| self.unreadable("_id", self.id))
    }

    pub(crate) fn userid(&self) -> Result<UserId, MongoError> {
        text(self.userid)
            .and_then(|text| UserId::recorded(text).ok())
            .ok_or_else(|| self.unreadable("userid", self.userid))
    }

    /// Names the document and what stands in the field, but no text that somebody wrote.
    pub(crate) fn unreadable(
        &self,
        field: &'static str,
        value: Option<RawBsonRef<'_>>,
    ) -> MongoError {
        let id = match self.id {
            Some(RawBsonRef::ObjectId(id)) => id.to_hex(),
            Some(RawBsonRef::String(text)) => text.to_owned(),
            Some(other) => format!("with an _id of type {:?}", other.element_type()),
            None => "without _id".to_owned(),
        };
        let found = match value {
            None => "missing or broken".to_owned(),
            Some(RawBsonRef::String(_)) => "an unusable text".to_owned(),
            Some(other) => format!("unusable, of type {:?}", other.element_type()),
        };
        MongoError::Unreadable { id, field, found }
    }
}

/// A text, or a number as its text: schemas were not always there.
pub(crate) fn text(value: Option<RawBsonRef<'_>>) -> Option<String> {
    match value? {
        RawBsonRef::String(text) => Some(text.to_owned()),
        RawBsonRef::Int32(number) => Some(number.to_string()),
        RawBsonRef::Int64(number) => Some(number.to_string()),
        RawBsonRef::Double(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}
