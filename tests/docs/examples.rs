//! The examples of configuration: each block marked `cfg` is a whole config that the server accepts.

use crate::common::Setup;
use crate::text::{code, pages, read};

#[test]
fn every_example_config_is_accepted() {
    let mut count = 0;
    for page in pages() {
        for config in code(&read(&page), "cfg") {
            count += 1;
            let output = Setup::with_config(&config).output(&["-c"]);
            let said = String::from_utf8_lossy(&output.stderr);
            let accepted = output.status.code() == Some(0) && !said.contains("warning");
            assert!(accepted, "{}:\n{config}\n{said}", page.display());
        }
    }
    assert!(count > 8, "only {count} examples were looked at");
}
