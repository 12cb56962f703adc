//! The documents that are generated from the table say what the table says. Run with
//! `UPDATE_DOCS=1` to write them anew.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use coview_lifecycle::table;

const BEGIN: &str = "<!-- diagram:begin -->";
const END: &str = "<!-- diagram:end -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn keep_up_to_date(path: &Path, written: &str, generated: &str) {
    if written == generated {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_DOCS").is_some(),
        "{} is out of date; write it anew with just update-docs, or by UPDATE_DOCS=1 cargo test",
        path.display(),
    );
    fs::write(path, generated).expect("the document can be written");
}

#[track_caller]
fn diagram_of(path: &Path) {
    let written = fs::read_to_string(path).expect("the document can be read");
    let (before, rest) = written.split_once(BEGIN).expect("the document has a place for it");
    let (_, after) = rest.split_once(END).expect("the place for the diagram ends");
    let diagram = table::mermaid();
    let generated = format!("{before}{BEGIN}\n```mermaid\n{diagram}```\n{END}{after}");
    keep_up_to_date(path, &written, &generated);
}

#[test]
fn the_table_of_states_and_verbs_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verbs.md");
    let written = fs::read_to_string(&path).unwrap_or_default();
    keep_up_to_date(&path, &written, &table::markdown());
}

#[test]
fn the_page_on_the_lifecycle_shows_the_diagram_and_the_table() {
    let path = root().join("docs/lifecycle.md");
    diagram_of(&path);
    let written = fs::read_to_string(&path).expect("the document can be read");
    let (before, rest) =
        written.split_once("<!-- verbs:begin -->").expect("the page has a place for the table");
    let (_, after) = rest.split_once("<!-- verbs:end -->").expect("the place for it ends");
    let verbs = table::markdown();
    let generated = format!("{before}<!-- verbs:begin -->\n{verbs}<!-- verbs:end -->{after}");
    keep_up_to_date(&path, &written, &generated);
}

#[test]
fn the_readme_shows_the_diagram() {
    let path = root().join("README.md");
    if path.exists() {
        diagram_of(&path);
    }
}

#[test]
fn the_table_and_what_is_made_of_it() {
    let rows: Vec<String> = table::TABLE
        .iter()
        .map(|edge| {
            let refused = edge.refused.map(|back| format!(" (refused: {back})"));
            format!("{} + {} = {}{}", edge.from, edge.on, edge.to, refused.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!("table", rows.join("\n"));
    insta::assert_snapshot!("mermaid", table::mermaid());
    insta::assert_snapshot!("markdown", table::markdown());
}
