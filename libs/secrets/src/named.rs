//! A file as the command line names it.

use std::{fmt, path::PathBuf};

use vterrors::{Error, Result};

/// A path, and the flag that it was given by: errors tell both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// With its dashes.
    pub flag: String,
    pub path: PathBuf,
}

impl Named {
    pub fn new(flag: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { flag: flag.into(), path: path.into() }
    }

    /// The whole file.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        std::fs::read(&self.path).map_err(|e| self.fault(e))
    }

    /// An error about this file.
    pub(crate) fn fault(&self, what: impl fmt::Display) -> Error {
        Error::invalid(format!("{}: {}: {what}", self.flag, self.path.display()))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flag, self.path.display())
    }
}
