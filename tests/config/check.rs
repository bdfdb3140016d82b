//! `ser -c` on a text.

use crate::common::{module, modules_dir, ser};
use std::process::{Command, Stdio};

/// What `ser -c` says about a config.
pub struct Checked {
    /// Exit status.
    pub status: Option<i32>,
    /// What it wrote on stderr; the folder of the modules is called MODULES.
    pub text: String,
}

impl Checked {
    /// The lines that begin findings of a kind (`error`, `warning`), without that word.
    pub fn found(&self, kind: &str) -> Vec<&str> {
        let begin = format!("{kind}: ");
        let lines = self.text.lines();
        lines.filter_map(|line| line.strip_prefix(&begin)).collect()
    }
}

/// Checks a config. Modules are found by their names.
pub fn check(config: &str) -> Checked {
    // The message when it is missing says how it is built.
    module("sl");
    let dir = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(dir.path().join("ser.cfg"), config).expect("config is written");
    let output = Command::new(ser())
        .args(["-c", "-f", "ser.cfg"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("the server runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let modules = modules_dir();
    Checked {
        status: output.status.code(),
        text: text.replace(modules.to_str().expect("a plain name"), "MODULES"),
    }
}

/// The config is accepted; its warnings.
pub fn accepted(config: &str) -> Vec<String> {
    let checked = check(config);
    let ok = checked.text.ends_with("config file ok, exiting...\n");
    assert!(ok, "refused:\n{config}\n{}", checked.text);
    assert_eq!(checked.status, Some(0));
    let warnings = checked.found("warning");
    warnings.into_iter().map(str::to_owned).collect()
}

/// The config is accepted without a warning.
pub fn silent(config: &str) {
    let warnings = accepted(config);
    assert!(warnings.is_empty(), "{config}\n{warnings:?}");
}

/// The config is refused; its errors.
pub fn refused(config: &str) -> Vec<String> {
    let checked = check(config);
    assert_eq!(checked.status, Some(255), "accepted:\n{config}");
    let errors = checked.found("error");
    let count = format!("ERROR: bad config file ({} errors)", errors.len());
    assert!(checked.text.contains(&count), "{}", checked.text);
    errors.into_iter().map(str::to_owned).collect()
}

/// The statements are accepted in the main route without a warning.
pub fn statements(body: &str) {
    silent(&format!("loadmodule \"sl\"\nroute {{\n{body}\n}}\n"));
}
