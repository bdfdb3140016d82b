//! The reader of ser.cfg: whatever the file holds, it is read or refused, and what is found can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ser::core::config::{Modules, SourceFile, load};

fuzz_target!(|data: &[u8]| {
    let source = SourceFile {
        name: "ser.cfg".into(),
        bytes: data.to_vec(),
    };
    let loaded = load(&source, Modules::None);
    let shown = loaded.found.render(&source, false);
    assert_eq!(loaded.found.errors() == 0, !shown.contains("error: "));
});
