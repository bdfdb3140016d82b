//! The torture messages of RFC 4475 and RFC 5118.

use std::path::Path;

/// Name and bytes of every torture message, in the order of the names.
pub fn every_message() -> Vec<(String, Vec<u8>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut all = Vec::new();
    for rfc in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(data.join(rfc)).expect("the torture messages") {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().expect("a file").to_string_lossy();
            let bytes = std::fs::read(&path).expect("a readable message");
            all.push((format!("{rfc}/{name}"), bytes));
        }
    }
    all.sort();
    all
}
