//! What changes in a server while it runs.

use crate::common::sip::{Phone, first_line};
use crate::common::wait_until;
use crate::lab::{Lab, failed};
use nix::sys::signal::Signal;

fn answer(code: u16) -> String {
    format!("route {{ sl_send_reply(\"{code}\", \"Fine\"); }}")
}

fn lab() -> Lab {
    Lab::with_route(&["tm"], "", &answer(201))
}

/// Puts another script into the file.
fn rewrite(lab: &Lab, script: &str) {
    let text = lab.setup.read("ser.cfg");
    let head = text.split("route ").next().expect("there is a route");
    std::fs::write(lab.path("ser.cfg"), format!("{head}{script}\n")).expect("written");
}

fn asked(lab: &Lab) -> String {
    let phone = Phone::new();
    let request = phone.request("OPTIONS", "sip:x@127.0.0.1");
    first_line(&phone.ask(request, lab.setup.addr())).to_owned()
}

#[test]
fn a_config_comes_into_force_and_the_one_before_comes_back() {
    let lab = lab();
    assert!(
        lab.says(&["generation"])
            .contains("there is none to go back to")
    );
    rewrite(&lab, &answer(202));
    assert_eq!(lab.says(&["reload"]), "generation 2 is in force\n");
    assert_eq!(asked(&lab), "SIP/2.0 202 Fine");
    assert_eq!(lab.says(&["rollback"]), "generation 3 is in force\n");
    assert_eq!(asked(&lab), "SIP/2.0 201 Fine");
    let said = lab.says(&["generation"]);
    assert!(said.starts_with("generation 3 since "), "{said}");
    assert!(
        said.contains(", as in generation 1\nbefore: generation 2 (MD5 "),
        "{said}"
    );
    rewrite(&lab, "route { nonsense(); }");
    let (code, said) = failed(lab.serctl(&["reload"]));
    assert_eq!(code, Some(1));
    for part in [
        "unknown command",
        "nonsense",
        "ser.cfg:",
        "^^^",
        "(1 errors)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (_, said) = failed(lab.serctl(&["upgrade"]));
    assert!(
        said.contains("nonsense") && said.contains("this one goes on"),
        "{said}"
    );
}

#[test]
fn another_program_takes_over() {
    let mut lab = lab();
    rewrite(&lab, &answer(202));
    let said = lab.says(&["upgrade"]);
    assert!(
        said.starts_with("generation 2 is in force, the attendant is "),
        "{said}"
    );
    assert_eq!(asked(&lab), "SIP/2.0 202 Fine");
    lab.server.signal(Signal::SIGTERM);
    assert!(lab.server.wait().success());
}

#[test]
fn receivers_are_counted_and_replaced() {
    let lab = lab();
    let socket = format!("127.0.0.1:{}", lab.setup.port);
    let said = lab.says(&["children", &socket, "4"]);
    assert_eq!(said, format!("udp:{socket}: 4 receivers\n"));
    let (code, said) = failed(lab.serctl(&["children", &socket, "none"]));
    assert!(code == Some(1) && said.contains("integer"), "{said}");
    let pid = lab
        .server
        .tree
        .child(&format!("receiver child=1 sock={socket}"));
    assert!(lab.says(&["replace", &pid.to_string()]).contains("pid"));
    wait_until("another one is there", || {
        let children = lab.server.tree.children();
        let named = |d: &str| d == format!("receiver child=1 sock={socket}");
        children.iter().any(|p| named(p.desc()) && p.pid != pid)
    });
    assert_eq!(lab.says(&["shm_check"]), "ok\n");
    assert_eq!(
        lab.says(&["quarantine"]),
        "no process has died of a message lately\n"
    );
    assert_eq!(lab.says(&["quarantine", "clear"]), "0 let out\n");
    for words in [
        &["replace"][..],
        &["quarantine", "x"],
        &["rollback", "1"],
        &["children", "x"],
    ] {
        let (code, said) = failed(lab.serctl(words));
        assert!(
            code != Some(0) && said.contains("usage"),
            "{words:?}: {said}"
        );
    }
}
