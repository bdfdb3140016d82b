//! What `-h` and `-V` print (SER's forms).

use super::options::OPTIONS;
use crate::core::module::version::{FLAGS, FULL_VERSION, NAME, PROFILE, RUSTC};

/// The longest datagram; a message is not longer.
const BUF_SIZE: usize = 65_535;

/// The text of `-h`.
pub(super) fn help() -> String {
    let config = super::config_file::default_path();
    let config = config.display().to_string();
    let mut text = format!(
        "version: {FULL_VERSION}
Usage: {NAME} [-f file] [-c] [-E] [-D] [-l address] [-n processes] ...
Options:
"
    );
    for option in &OPTIONS {
        let call = format!("-{} {}", option.letter, option.argument.unwrap_or_default());
        let lines = option.text.replace("{config}", &config);
        let lines = lines.replace('\n', &format!("\n{:17}", ""));
        text.push_str(&format!("    {call:12} {lines}\n"));
    }
    text
}

/// The text of `-V`.
pub(super) fn version() -> String {
    let poll_methods = crate::core::config::POLL_METHODS.join(", ");
    format!(
        "version: {FULL_VERSION}
flags: {FLAGS}
MAX_RECV_BUFFER_SIZE 262144, BUF_SIZE {BUF_SIZE}
poll method support: {poll_methods}.
{NAME} compiled ({PROFILE}) with {RUSTC}
"
    )
}
