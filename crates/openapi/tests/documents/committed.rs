//! The copies that the functions serve.

use std::fs;
use std::path::Path;

const UPDATE: &str = "OPENAPI_UPDATE";

#[test]
fn every_committed_copy_is_what_the_code_says() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test asks the person who runs it"
    )]
    let update = std::env::var(UPDATE).is_ok();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut stale = Vec::new();
    for document in openapi::all() {
        let file = root.join(document.file);
        let text = document.text();
        if fs::read_to_string(&file).is_ok_and(|committed| committed == text) {
            continue;
        }
        if update {
            fs::write(&file, text).unwrap();
        } else {
            stale.push(document.file);
        }
    }
    assert!(
        stale.is_empty(),
        "not what the code says: {stale:?}; to write them anew: {UPDATE}=yes cargo test --release --workspace --test documents every_committed_copy"
    );
}
