//! The folder that keeps everything, and the lock that lets one process in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A folder that is ours until this is dropped; the kernel gives the lock back however the process ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

#[derive(Debug, Error)]
pub enum DataDirError {
    #[error("cannot use the data folder {}; choose another with --data-dir", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error(
        "User Buy List is already running on the data folder {} (process {holder}); \
         stop that one, or choose another folder with --data-dir",
        path.display()
    )]
    Taken { path: PathBuf, holder: String },
}

impl DataDir {
    /// Makes the folder if needed and takes its lock.
    pub(crate) fn take(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path)
            .and_then(|()| sync_entry(path))
            .map_err(unusable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only to name it: without it the message is still right.
                let _ = lock.read_to_string(&mut holder);
                let path = path.to_owned();
                return Err(DataDirError::Taken {
                    path,
                    holder: holder.trim().to_owned(),
                });
            }
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        database_in(&self.path)
    }
}

/// Whether or not it is there, and whoever holds the lock.
pub(crate) fn database_in(path: &Path) -> PathBuf {
    path.join("user-buy-list.sqlite")
}

/// Makes the folder itself survive a power cut: its name is in its parent.
fn sync_entry(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    File::open(path.parent().unwrap_or(&path))?.sync_all()
}
