//! The manual pages: they render without a warning, and hold what the tables of server and serctl hold.

use crate::common::Setup;
use crate::kit::install;
use ser::core::cli::OPTIONS;
use ser::core::config::{command_docs, param_docs};
use std::process::Command;

/// The page as a terminal shows it, blanks and line ends as one.
fn rendered(setup: &Setup, page: &str) -> String {
    let path = setup.path("opt/share/man").join(page);
    let output = Command::new("groff")
        .args(["-man", "-Tutf8", "-wall", "-ww", "-P-cbou"])
        .arg(&path)
        .output()
        .expect("groff is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{page}: {said}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_pages_render_without_a_warning_and_hold_the_tables() {
    let setup = Setup::new();
    install(&setup.path("opt"));
    let ser = rendered(&setup, "man8/ser.8");
    for option in &OPTIONS {
        let letter = option.letter;
        assert!(ser.contains(&format!(" -{letter} ")), "-{letter} in {ser}");
    }
    let config = setup.path("opt/etc/ser/ser.cfg");
    assert!(
        ser.replace(' ', "").contains(config.to_str().unwrap()),
        "{ser}"
    );
    let cfg = rendered(&setup, "man5/ser.cfg.5");
    let params = param_docs().flat_map(|doc| doc.names).copied();
    let commands = command_docs().iter().flat_map(|doc| doc.0).copied();
    for name in params
        .chain(commands)
        .chain(["@msg", "t_relay", "save_contacts"])
    {
        assert!(cfg.contains(name), "{name} in {cfg}");
    }
    let serctl = rendered(&setup, "man8/serctl.8");
    for verb in ["ps", "rpc", "check", "help"] {
        assert!(serctl.contains(&format!(" {verb} ")), "{verb} in {serctl}");
    }
}
