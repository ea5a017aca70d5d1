//! The request log: one JSON line for each GraphQL request, without tokens.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use crate::Error;
use crate::standin::lock;

/// A log file that is open.
pub struct Log(Mutex<File>);

impl Log {
    /// Starts a log; what the file held is gone.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let failed =
            |source| Error::Io { what: format!("cannot write {}", path.display()), source };
        Ok(Log(Mutex::new(File::create(path).map_err(failed)?)))
    }

    /// Writes one line; a full disk must not fail the answer.
    pub fn write(&self, line: &Value) {
        let _ = writeln!(lock(&self.0), "{line}");
    }
}
