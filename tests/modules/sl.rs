//! Module `sl`.

use crate::common::wait_until;
use crate::scene::Scene;

fn scene(script: &str) -> Scene {
    Scene::new(&["sl", "xlog"], script)
}

#[test]
fn a_reply_has_a_tag_of_the_server_and_the_via_and_its_ack_is_swallowed() {
    let scene = scene(
        "route { if (method==\"ACK\") { xlog(\"L_ERR\", \"ACK %tt\"); drop; } sl_send_reply(\"404\", \"Gone\"); }",
    );
    let reply = scene.ask("INVITE", "sip:x@@ME@", "");
    assert_eq!(reply.status(), "404 Gone");
    let to = reply.header("To").to_owned();
    let tag = to.split(";tag=").nth(1).expect("a tag").to_owned();
    assert_eq!((tag.len(), &tag[32..33]), (37, "."), "{tag}");
    let ack = |tag: &str| {
        let text = reply.0.split("\r\n").filter(|line| {
            line.starts_with("Via:") || line.starts_with("From:") || line.starts_with("Call-ID:")
        });
        let lines: Vec<&str> = text.collect();
        format!(
            "ACK sip:x@{} SIP/2.0\r\n{}\r\nTo: <sip:bob@b.org>;tag={tag}\r\nCSeq: 7 ACK\r\n\r\n",
            scene.server(),
            lines.join("\r\n")
        )
    };
    scene.send_raw(&ack(&tag));
    scene.send_raw(&ack("another"));
    crate::common::wait_until("the other ACK reaches the script", || {
        scene.log().contains("ACK another")
    });
    assert!(
        !scene.log().contains(&format!("ACK {tag}")),
        "{}",
        scene.log()
    );
}

#[test]
fn arguments_without_a_value_are_replaced_by_the_defaults() {
    let scene = scene(
        "modparam(\"sl\", \"default_code\", 555)\nmodparam(\"sl\", \"default_reason\", \"Whatever\")\n\
         route {\n if (uri=~\"^sip:sel\") { sl_reply(\"@msg.header.x_code\", \"@msg.header.x_reason\"); drop; }\n\
         $c = 486; $r = \"Busy\"; sl_send_reply(\"$c\", \"$r\"); }",
    );
    let set = scene.ask("OPTIONS", "sip:sel@@ME@", "X-Code: 433\nX-Reason: No Names");
    assert_eq!(set.status(), "433 No Names");
    let unset = scene.ask("OPTIONS", "sip:sel@@ME@", "");
    assert_eq!(unset.status(), "555 Whatever");
    let no_status = scene.ask("OPTIONS", "sip:sel@@ME@", "X-Code: 7\nX-Reason: Odd");
    assert_eq!(no_status.status(), "555 Odd");
    assert_eq!(
        scene.ask("OPTIONS", "sip:avp@@ME@", "").status(),
        "486 Busy"
    );
}

#[test]
fn replies_are_counted_by_their_codes_in_all_processes() {
    let scene = Scene::new(
        &["sl", "ctl"],
        "modparam(\"ctl\", \"fifo\", \"unixs:@RPC@\")\n\
         route { sl_send_reply(\"@msg.header.x_code\", \"x\"); }",
    );
    for code in [200, 200, 202, 299, 404, 405, 603, 100] {
        scene.ask("OPTIONS", "sip:x@h", &format!("X-Code: {code}"));
    }
    let counts = || {
        let answer = scene.rpc("sl.stats", &[]);
        let mut counts: Vec<&str> = answer[1].split(',').collect();
        counts.reverse();
        counts.join(",")
    };
    // The last one is counted just after it was sent.
    wait_until("it is counted", || counts().ends_with("xxx:1"));
    let expected = "200:2,202:1,2xx:1,300:0,301:0,302:0,3xx:0,400:0,401:0,403:0,404:1,407:0,408:0,483:0,4xx:1,500:0,5xx:0,6xx:1,xxx:1";
    assert_eq!(counts(), expected);
}

#[test]
fn a_redirection_lists_the_destination_set() {
    let scene = scene(
        "route { rewriteuri(\"sip:new@h.org\"); append_branch(\"sip:b2@x.org\", \"0.5\"); append_branch(\"sip:b3@x.org\");\n\
         sl_send_reply(\"302\", \"Moved\"); }",
    );
    let reply = scene.ask("INVITE", "sip:x@@ME@", "");
    let contact = "sip:new@h.org, <sip:b2@x.org>;q=0.5, sip:b3@x.org";
    assert_eq!(reply.header("Contact"), contact);
}

#[test]
fn a_reply_below_180_gets_no_tag_and_one_with_a_tag_keeps_it() {
    let scene = scene(
        "route { if (uri=~\"trying\") { sl_send_reply(\"100\", \"Trying\"); drop; } sl_send_reply(\"200\", \"OK\"); }",
    );
    assert_eq!(
        scene.ask("INVITE", "sip:trying@@ME@", "").header("To"),
        "<sip:bob@b.org>"
    );
    let with_tag = "To: <sip:bob@b.org>;tag=mine";
    let reply = scene.ask("INVITE", "sip:x@@ME@", with_tag);
    assert_eq!(reply.header("To"), "<sip:bob@b.org>;tag=mine");
}

#[test]
fn the_last_error_becomes_the_reply() {
    let scene = scene(
        "route { if (uri=~\"^sip:fine\") { sl_reply_error(); drop; } forward(uri:host, uri:port); sl_reply_error(); }",
    );
    let text = "500 I'm terribly sorry, server error occurred (1/SL)";
    assert_eq!(scene.ask("OPTIONS", "sip:fine@@ME@", "").status(), text);
    let bad = scene.ask("OPTIONS", "sip:x@no-such-host.invalid", "");
    assert!(
        bad.status().starts_with("478 ") && bad.status().ends_with("/SL)"),
        "{bad:?}"
    );
}

#[test]
fn a_code_that_is_no_status_is_refused_at_the_start() {
    for (script, text) in [
        ("route { sl_send_reply(\"42\", \"x\"); }", "42 is no status"),
        (
            "modparam(\"sl\", \"default_code\", 7)\nroute { drop; }",
            "default_code 7",
        ),
    ] {
        let config = format!("{}{script}\n", crate::scene::load(&["sl"]));
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{said}");
    }
}
