//! A message, parsed lazily and then to its end, with everything asked of it.
#![no_main]

#[path = "../../tests/sip/accessors.rs"]
mod accessors;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = accessors::exercise(data);
});
