//! `scripts/run`: what a newcomer starts.

use crate::common::{Setup, free_port, modules_dir, wait_until};
use crate::kit::{ends_well, register, script};

#[test]
fn the_run_script_says_how_to_register_and_serves_until_it_is_interrupted() {
    let setup = Setup::new();
    let port = free_port();
    let mut command = script("run");
    command.env("PORT", port.to_string());
    let server = setup.start(command);
    wait_until("the server answers", || {
        setup.read("err").contains("udp_init")
    });
    assert_eq!(register(port), "SIP/2.0 200 OK");
    let said = setup.read("out");
    let account = format!("<sip:alice@127.0.0.1:{port}>;regint=60;auth_pass=none");
    for text in [&account, "Ctrl-C ends it", "Any other phone"] {
        assert!(said.contains(text), "{text} in {said}");
    }
    ends_well(&setup, server);
    std::fs::remove_file(modules_dir().join(format!("ser-{port}.cfg"))).unwrap();
}

#[test]
fn the_run_script_refuses_a_port_that_is_no_number() {
    let mut command = script("run");
    let output = command.env("PORT", "sip").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"PORT=sip: a number is needed\n");
}
