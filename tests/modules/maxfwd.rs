//! Module `maxfwd`.

use crate::common::Setup;
use crate::scene::{Scene, load};

const SCRIPT: &str = "route {
    if (uri=~\"^sip:low\") {
        if (mf_lowlimit(\"5\")) { sl_send_reply(\"200\", \"Enough\"); } else { sl_send_reply(\"483\", \"Low\"); }
        drop;
    }
    if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"Too Many Hops\"); drop; }
    if (uri=~\"^sip:twice\") { process_maxfwd(\"10\"); }
    forward(@NEXT@);
}";

fn scene(params: &str) -> Scene {
    Scene::new(&["sl", "maxfwd"], &format!("{params}{SCRIPT}"))
}

#[test]
fn a_value_is_lowered_by_one_and_to_the_limit_in_the_width_it_had() {
    let scene = scene("");
    for (before, after) in [
        ("16", "15"),
        ("10", " 9"),
        ("1", "0"),
        ("70", "16"),
        ("255", " 16"),
        ("17", "16"),
        ("99999999999", "         16"),
        ("7x", "7x"),
    ] {
        let sent = scene.relay("OPTIONS", "sip:x@h", &format!("Max-Forwards: {before}"));
        assert_eq!(sent.header("Max-Forwards"), after, "{before}");
    }
    let twice = scene.relay("OPTIONS", "sip:twice@h", "Max-Forwards: 11");
    assert_eq!(twice.header("Max-Forwards"), " 9");
}

#[test]
fn a_missing_header_is_added_first_and_0_is_refused() {
    let scene = scene("");
    let sent = scene.relay("OPTIONS", "sip:x@h", "");
    assert_eq!(sent.0.split("\r\n").nth(1), Some("Max-Forwards: 10"));
    let refused = scene.ask("OPTIONS", "sip:x@h", "Max-Forwards: 0");
    assert_eq!(refused.status(), "483 Too Many Hops");
}

#[test]
fn the_low_limit_is_passed_by_what_is_missing_or_no_number() {
    let scene = scene("");
    for (value, status) in [
        ("", "200 Enough"),
        ("Max-Forwards: 4", "483 Low"),
        ("Max-Forwards: 5", "200 Enough"),
        ("Max-Forwards: x", "200 Enough"),
    ] {
        assert_eq!(
            scene.ask("OPTIONS", "sip:low@h", value).status(),
            status,
            "{value}"
        );
    }
}

#[test]
fn without_a_limit_every_value_is_lowered_by_one() {
    let scene = scene("modparam(\"maxfwd\", \"max_limit\", 0)\n");
    let sent = scene.relay("OPTIONS", "sip:x@h", "Max-Forwards: 70");
    assert_eq!(sent.header("Max-Forwards"), "69");
}

#[test]
fn an_argument_over_the_limit_and_a_limit_over_255_are_refused() {
    for (script, text) in [
        (
            "route { process_maxfwd(\"17\"); }",
            "17 is over max_limit (16)",
        ),
        ("route { mf_lowlimit(\"256\"); }", "a number from 0 to 255"),
        (
            "modparam(\"maxfwd\", \"max_limit\", 256)\nroute { drop; }",
            "max_limit 256",
        ),
    ] {
        let config = format!("{}{script}\n", load(&["maxfwd"]));
        let output = Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{said}");
    }
}
