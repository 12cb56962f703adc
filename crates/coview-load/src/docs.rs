//! The documents that are made from the record.

use std::path::Path;
use std::path::PathBuf;

use crate::graphs;
use crate::record::Record;
use crate::report;

/// Where the record is among the documents.
pub(crate) fn record(docs: &Path) -> PathBuf {
    docs.join("measurements/load.json")
}

/// Writes the tables and draws the graphs anew.
pub(crate) fn draw(docs: &Path) -> Result<(), String> {
    let named = |path: &Path, error| format!("{}: {error}", path.display());
    let record = Record::read(&record(docs))?;
    let performance = docs.join("performance.md");
    let text = std::fs::read_to_string(&performance)
        .map_err(|error: std::io::Error| named(&performance, error))?;
    let text = report::written_into(&text, &record)?;
    std::fs::write(&performance, &text).map_err(|error| named(&performance, error))?;
    let folder = docs.join("graphs");
    std::fs::create_dir_all(&folder).map_err(|error| named(&folder, error))?;
    for (name, graph) in graphs::all(&record, &text)? {
        let path = folder.join(name);
        std::fs::write(&path, graph).map_err(|error| named(&path, error))?;
    }
    Ok(())
}
