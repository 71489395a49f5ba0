//! The file of a SQLite database as it was when it was opened. SQLite keeps writing to a file that was removed, and
//! reports success: everything written is lost when the process ends.

use std::path::{Path, PathBuf};

use super::Error;

/// A file, and which one it was.
#[derive(Debug)]
pub(crate) struct DataFile {
    path: PathBuf,
    identity: Option<Identity>,
}

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

impl DataFile {
    /// The file that is at the path now.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails when another file, or none, is at the path.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            return Ok(());
        }
        Err(Error::FileGone(self.path.display().to_string()))
    }
}

/// Device and number of a file. Its metadata is read and the file is not opened: closing it again would release
/// the locks that SQLite holds on it.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.exists().then_some(())
}
