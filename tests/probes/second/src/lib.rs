//! The probe that tests load second.

const NAME: &str = "probe_second";
/// What its `probe()` returns.
const VALUE: i32 = 8;

include!("../../probe.rs");
