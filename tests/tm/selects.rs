//! `@tm…`

use crate::common::sip::Phone;
use crate::kit::{Proxy, Talks, reply, uri};

#[test]
fn a_request_knows_whether_it_has_a_transaction() {
    let proxy = Proxy::new(
        "route {\n\
         if (method == \"OPTIONS\") { sl_send_reply(\"200\", \"@tm\"); drop; }\n\
         if (method == \"INFO\") { if (@tm.method) { sl_send_reply(\"200\", \"yes\"); } else { sl_send_reply(\"200\", \"no\"); } drop; }\n\
         t_newtran();\nt_reply(\"299\", \"@tm.method\");\n}\n",
    );
    let phone = Phone::new();
    let answer = |method| {
        let text = phone.ask(phone.request(method, "sip:x@localhost"), proxy.addr());
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(answer("OPTIONS"), "SIP/2.0 200 0");
    assert_eq!(answer("INFO"), "SIP/2.0 200 no");
    assert_eq!(answer("MESSAGE"), "SIP/2.0 299 MESSAGE");
    assert_eq!(answer("ODD"), "SIP/2.0 299 ODD");
}

#[test]
fn a_failure_route_sees_what_both_sides_said() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let fields = [
        "@tm",
        "@tm.uas.status",
        "@tm.uac.count",
        "@tm.uac.relayed",
        "@tm.uac[0].status",
        "@tm.uac[1].status",
        "@tm.uac[1].uri",
        "@tm.uac[2].uri",
    ];
    let lines: String = fields
        .iter()
        .map(|f| format!("xlog(\"L_ERR\", \"X: %{f}\\n\");\n"))
        .collect();
    let whole = [
        ("@tm.uas.request", "Call-ID: "),
        ("@tm.uas.resp", "^SIP/2.0 100 "),
        ("@tm.uac[1].req", "^INVITE sip:b@"),
        ("@tm.uac[1].response", "^SIP/2.0 486 Busy"),
    ];
    let checks: String = whole
        .iter()
        .map(|(f, re)| format!("if ({f} =~ \"{re}\") {{ xlog(\"L_ERR\", \"Y: {f}\\n\"); }}\n"))
        .collect();
    let proxy = Proxy::new(&format!(
        "route {{ t_on_failure(\"F\"); append_branch(\"{}\"); t_relay(); }}\n\
         failure_route[F] {{\n{lines}{checks}t_reply(\"480\", \"both failed\"); }}\n",
        uri("b", &b)
    ));
    caller.send(caller.request("INVITE", &uri("a", &a)), proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    a.send(reply(&to_a, "404 Not Found", "a", ""), proxy.addr());
    a.expect("ACK");
    b.send(reply(&to_b, "486 Busy", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 480");
    let b_uri = uri("b", &b);
    assert_eq!(
        proxy.logged("X"),
        ["1", "100", "2", "-2", "404", "486", &b_uri, ""]
    );
    let seen: Vec<&str> = whole.iter().map(|(f, _)| *f).collect();
    assert_eq!(proxy.logged("Y"), seen);
}
