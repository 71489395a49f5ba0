//! The lock that one service holds on a SQLite file. Two services on one file would both run its jobs and send its
//! events; other commands may use the file beside a service.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::Error;

/// The lock of a service; it ends when this is dropped, and when the process ends, however it ends.
#[derive(Debug)]
pub struct ServiceLock {
    _file: Option<File>,
}

impl ServiceLock {
    /// With PostgreSQL any number of services run.
    pub(super) const NOT_NEEDED: Self = Self { _file: None };

    /// Takes the lock of the database at `path`. It is a file of its own: SQLite would lose its locks on the database if
    /// this process opened and closed the file once more.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let mut name = path.as_os_str().to_owned();
        name.push("-service");
        let lock = Path::new(&name);
        let failed = |source| Error::ServiceLock { file: lock.display().to_string(), source };
        let file = File::options().create(true).truncate(false).write(true).open(lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(path.display().to_string())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
