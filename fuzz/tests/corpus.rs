//! Every committed input holds what its target demands, on any compiler and without the engine.

use std::fs;
use std::path::Path;

use coview_fuzz::TARGETS;

/// The largest the corpus may be as a whole, in bytes.
const CORPUS_BYTES: u64 = 200_000;

#[test]
fn every_input_of_the_corpus_holds() {
    let mut total = 0;
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut count = 0;
        for input in inputs {
            let path = input.expect("an entry of the folder").path();
            let data = fs::read(&path).expect("an input can be read");
            total += data.len() as u64;
            count += 1;
            // Its name is the last line of what a failing test prints.
            println!("{}", path.display());
            target(&data);
        }
        assert!(count > 0, "{name} has no input");
    }
    assert!(
        total <= CORPUS_BYTES,
        "the corpus has {total} bytes; minimise it with cargo fuzz cmin"
    );
}
