//! The probe that tests load first.

const NAME: &str = "probe_first";
/// What its `probe()` returns.
const VALUE: i32 = 7;

include!("../../probe.rs");
