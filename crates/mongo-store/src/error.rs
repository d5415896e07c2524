//! What can go wrong with MongoDB, sorted by whether trying again can help.
//!
//! The driver's own errors never leave this crate: their texts hold the server's whole reply, and with it what somebody
//! bought. What is kept is the kind, the code and the server's sentence.

use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, IndexedWriteError, WriteConcernError};
use purchase::PortError;
use thiserror::Error;

/// MongoDB did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MongoError {
    /// The text is the URI without its secrets.
    #[error("not a MongoDB URI: {0}")]
    Uri(String),
    /// Away, busy or unsure.
    #[error("MongoDB does not answer as it should: {0}")]
    Away(String),
    /// Somebody has to mend a right, an option or a document.
    #[error("MongoDB refuses: {0}")]
    Refused(String),
    #[error("no answer from MongoDB within {0:?}")]
    Deadline(Duration),
    /// Nothing was sent.
    #[error("all {0} calls to MongoDB that are allowed at once were busy")]
    Saturated(usize),
    #[error("a call to MongoDB panicked")]
    Panicked,
    /// The server says that the id is taken, but a majority does not have its document, or has it no more.
    #[error("purchase {0} is stored, but not with a majority yet")]
    NotDurable(String),
    /// The same id came several times in one batch, and the first one failed.
    #[error("the first purchase with the id {0} was not recorded")]
    FirstFailed(String),
    #[error("a purchase of {0} bytes is larger than a document of MongoDB")]
    TooLarge(usize),
    #[error("the stored purchase {id} cannot be read: its {field} is {found}")]
    Unreadable {
        id: String,
        field: &'static str,
        found: String,
    },
}

impl MongoError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Away(_)
            | Self::Deadline(_)
            | Self::Saturated(_)
            | Self::Panicked
            | Self::NotDurable(_)
            | Self::FirstFailed(_) => true,
            Self::Uri(_) | Self::Refused(_) | Self::TooLarge(_) | Self::Unreadable { .. } => false,
        }
    }

    /// A document that was not written although others of its batch were.
    pub(crate) fn from_write_error(error: &IndexedWriteError) -> Self {
        let name = error.code_name.as_deref().unwrap_or_default();
        Self::from_code(error.code, name, &error.message)
    }

    /// Written, but not durable: nobody can say yet whether it stays.
    pub(crate) fn from_write_concern(error: &WriteConcernError) -> Self {
        let (code, name) = (error.code, &error.code_name);
        Self::Away(format!(
            "written, but not confirmed by a majority: {} ({code} {name})",
            error.message
        ))
    }

    fn from_code(code: i32, name: &str, message: &str) -> Self {
        let text = format!("{message} ({code} {name})");
        if REFUSALS.contains(&code) {
            Self::Refused(text)
        } else {
            Self::Away(text)
        }
    }
}

/// Server codes that stay until somebody mends something. Whatever is not listed may pass: to try again in vain is a
/// nuisance, to give up in error loses time until somebody looks.
const REFUSALS: [i32; 17] = [
    2,      // BadValue
    9,      // FailedToParse
    11,     // UserNotFound
    13,     // Unauthorized
    14,     // TypeMismatch
    18,     // AuthenticationFailed
    20,     // IllegalOperation
    59,     // CommandNotFound
    67,     // CannotCreateIndex
    72,     // InvalidOptions
    73,     // InvalidNamespace
    85,     // IndexOptionsConflict
    86,     // IndexKeySpecsConflict
    121,    // DocumentValidationFailure
    166,    // CommandNotSupportedOnView
    8_000,  // what Atlas says of bad credentials
    10_334, // BSONObjectTooLarge
];

/// What the server answers to a hint by keys: BadValue when no index has them, IndexNotFound when several have.
const HINT_REFUSED: [i32; 2] = [2, 27];

/// Whether the server may have refused a hint: mostly because the indexes are not made yet.
pub(crate) fn hint_refused(error: &DriverError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if HINT_REFUSED.contains(&command.code))
}

impl From<DriverError> for MongoError {
    fn from(error: DriverError) -> Self {
        match &*error.kind {
            ErrorKind::Command(command) => {
                Self::from_code(command.code, &command.code_name, &command.message)
            }
            ErrorKind::InsertMany(insert) => {
                match (&insert.write_concern_error, &insert.write_errors) {
                    (Some(concern), _) => Self::from_write_concern(concern),
                    (None, Some(errors)) if !errors.is_empty() => {
                        Self::from_write_error(&errors[0])
                    }
                    _ => Self::Away("a write error without an error".to_owned()),
                }
            }
            // The debug text of these holds documents.
            ErrorKind::Write(_) | ErrorKind::BulkWrite(_) => Self::Away("a write error".to_owned()),
            ErrorKind::Authentication { .. }
            | ErrorKind::InvalidArgument { .. }
            | ErrorKind::InvalidTlsConfig { .. }
            | ErrorKind::IncompatibleServer { .. }
            | ErrorKind::SessionsNotSupported
            | ErrorKind::Bson(_) => Self::Refused(error.kind.to_string()),
            _ => Self::Away(error.kind.to_string()),
        }
    }
}

impl From<MongoError> for PortError {
    fn from(error: MongoError) -> Self {
        if error.may_pass() {
            Self::transient(error)
        } else {
            Self::permanent(error)
        }
    }
}
