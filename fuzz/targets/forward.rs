//! A message as it is sent on: request with our Via and edits, reply, reply without the first Via.
#![no_main]

#[path = "../../tests/sip/building.rs"]
mod building;

libfuzzer_sys::fuzz_target!(|data: &[u8]| building::exercise_building(data));
