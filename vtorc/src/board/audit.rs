//! The audit file: a line of JSON for every recovery, appended.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use vterrors::{Error, Result};

use super::Entry;

/// An open file; its owner rotates it by copying and truncating.
pub(crate) struct Audit {
    path: PathBuf,
    file: Mutex<File>,
}

impl Audit {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|e| {
            Error::invalid(format!("--audit-file-location: cannot open {}: {e}", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    pub(crate) fn write(&self, entry: &Entry) {
        let line = match serde_json::to_string(entry) {
            Ok(line) => line + "\n",
            Err(e) => return tracing::error!("a recovery cannot be written as JSON: {e}"),
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // The log has it, too.
        if let Err(e) = file.write_all(line.as_bytes()) {
            tracing::error!("cannot write {}: {e}", self.path.display());
        }
    }
}
