//! Module `rr`.

use crate::scene::{Message, Scene};

/// Relays along the Route set, answers 404 where it says nothing; tells the result and the Request-URI.
const LOOSE: &str = "route {
    if (loose_route()) { append_hf(\"X-Loose: yes\\r\\n\"); } else { append_hf(\"X-Loose: no\\r\\n\"); }
    xlset;
    forward(@NEXT@);
}";

fn loose(params: &str, extra: &str) -> Scene {
    let script = LOOSE.replace("xlset;", extra);
    Scene::new(
        &["sl", "rr", "textops", "xlog"],
        &format!("{params}{script}"),
    )
}

fn route(message: &Message) -> Vec<String> {
    message
        .all("Route")
        .iter()
        .map(|r| (*r).to_owned())
        .collect()
}

#[test]
fn the_route_set_is_followed_as_the_original_follows_it() {
    let dst = "append_hf(\"X-Dst: %@dst_uri\\r\\n\");";
    let scene = loose("", dst);
    let tag = "To: <sip:bob@b.org>;tag=tt\n";
    let far = "sip:bob@1.2.3.4";
    let target = "Route: <sip:target@5.5.5.5>";
    // Request-URI, Route lines, To-tag there; result, Request-URI, dst_uri, Route lines.
    type Case<'c> = (
        &'c str,
        &'c str,
        bool,
        &'c str,
        &'c str,
        &'c str,
        &'c [&'c str],
    );
    let cases: [Case<'_>; 15] = [
        ("sip:bob@@ME@", "", true, "no", "sip:bob@@ME@", "", &[]),
        (far, "Route: <sip:@ME@;lr>", true, "yes", far, "", &[]),
        (
            "sip:bob@@ME@",
            "Route: <sip:@ME@;lr>",
            true,
            "no",
            "sip:bob@@ME@",
            "",
            &[],
        ),
        (
            far,
            "Route: <sip:@ME@;lr>, <sip:127.77.0.8;lr>",
            true,
            "yes",
            far,
            "sip:127.77.0.8;lr",
            &["<sip:127.77.0.8;lr>"],
        ),
        (
            far,
            "Route: <sip:@ME@;lr>\nRoute: <sip:x.org;lr>\nRoute: <sip:y.org;lr>",
            true,
            "yes",
            far,
            "sip:x.org;lr",
            &["<sip:x.org;lr>", "<sip:y.org;lr>"],
        ),
        (
            far,
            "Route: <sip:@ME@;lr>, <sip:127.77.0.8>",
            true,
            "yes",
            "sip:127.77.0.8",
            "",
            &["<sip:bob@1.2.3.4>"],
        ),
        (
            far,
            "Route: <sip:127.77.0.8;lr>",
            true,
            "yes",
            far,
            "sip:127.77.0.8;lr",
            &["<sip:127.77.0.8;lr>"],
        ),
        (
            far,
            "Route: <sip:127.77.0.8>",
            true,
            "yes",
            "sip:127.77.0.8",
            "",
            &["<sip:bob@1.2.3.4>"],
        ),
        (
            far,
            "Route: <sip:@ME@;r2=on;lr>, <sip:@ME@;r2=on;lr>, <sip:x.org;lr>",
            true,
            "yes",
            far,
            "sip:x.org;lr",
            &["<sip:x.org;lr>"],
        ),
        (
            far,
            "Route: <sip:@ME@;r2=on;lr>, <sip:@ME@;r2=on;lr>",
            true,
            "yes",
            far,
            "",
            &[],
        ),
        (
            "sip:@ME@",
            &format!("Route: <sip:x.org;lr>\n{target}"),
            true,
            "yes",
            "sip:target@5.5.5.5",
            "sip:x.org;lr",
            &["<sip:x.org;lr>"],
        ),
        (
            "sip:@ME@",
            &format!("Route: <sip:x.org>\n{target}"),
            true,
            "yes",
            "sip:x.org",
            "",
            &["<sip:target@5.5.5.5>"],
        ),
        (
            "sip:bob@@ME@",
            "Route: <sip:x.org;lr>",
            false,
            "no",
            "sip:bob@@ME@",
            "",
            &["<sip:x.org;lr>"],
        ),
        (
            far,
            "Route: <sip:foo@@ME@;lr=on;ftag=zz>",
            true,
            "yes",
            far,
            "",
            &[],
        ),
        (far, "Route: <sip:@ME@;LR>", true, "yes", far, "", &[]),
    ];
    for (uri, routes, in_dialog, result, new_uri, dst, left) in cases {
        let more = format!("{}{routes}", if in_dialog { tag } else { "" });
        let sent = scene.relay("BYE", uri, &more);
        let me = scene.server();
        assert_eq!(sent.header("X-Loose"), result, "{uri} {routes}: {sent:?}");
        assert_eq!(sent.uri(), new_uri.replace("@ME@", &me), "{uri} {routes}");
        assert_eq!(sent.header("X-Dst"), dst, "{uri} {routes}");
        assert_eq!(route(&sent), left, "{uri} {routes}: {sent:?}");
    }
}

#[test]
fn a_request_is_recorded_once_before_all_other_headers() {
    let scene = Scene::new(
        &["rr", "xlog"],
        "route { record_route(); if (record_route()) { xlog(\"L_ERR\", \"twice\"); } forward(@NEXT@); }",
    );
    let sent = scene.relay("INVITE", "sip:x@h", "Record-Route: <sip:old.org;lr>");
    let own = format!("<sip:{};ftag=ft;lr>", scene.server());
    assert_eq!(sent.all("Record-Route"), [own.as_str(), "<sip:old.org;lr>"]);
    assert!(
        sent.0
            .split("\r\n")
            .nth(1)
            .expect("a line")
            .starts_with("Record-Route: ")
    );
    assert!(!scene.log().contains("twice"), "{}", scene.log());
}

#[test]
fn both_sides_are_recorded_where_they_differ_and_taken_off_together() {
    let other = crate::common::free_port();
    let script = |double: u8| {
        format!(
            "listen=udp:127.0.0.1:{other}\nmodparam(\"rr\", \"enable_double_rr\", {double})\n\
             route {{ loose_route(); record_route(); force_send_socket(127.0.0.1:{other}); forward(@NEXT@); }}"
        )
    };
    {
        let scene = Scene::new(&["rr"], &script(1));
        let sent = scene.relay("INVITE", "sip:x@h", "");
        let out = format!("<sip:127.0.0.1:{other};r2=on;ftag=ft;lr>");
        let back = format!("<sip:{};r2=on;ftag=ft;lr>", scene.server());
        assert_eq!(sent.all("Record-Route"), [out.as_str(), back.as_str()]);
        let routes = format!("To: <sip:b@b>;tag=t\nRoute: {back}, {out}, <sip:next.org;lr>");
        let sent = scene.relay("BYE", "sip:x@far.org", &routes);
        assert_eq!(sent.all("Route"), ["<sip:next.org;lr>"]);
    }
    let scene = Scene::new(&["rr"], &script(0));
    let sent = scene.relay("INVITE", "sip:x@h", "");
    assert_eq!(sent.all("Record-Route").len(), 1, "{sent:?}");
}

#[test]
fn the_parameters_change_what_is_recorded() {
    let scene = Scene::new(
        &["rr"],
        "modparam(\"rr\", \"append_fromtag\", 0)\nmodparam(\"rr\", \"enable_full_lr\", 1)\n\
         modparam(\"rr\", \"add_username\", \"@ruri.user\")\n\
         route { record_route(); forward(@NEXT@); }",
    );
    let sent = scene.relay("INVITE", "sip:carol@h", "");
    let own = format!("<sip:carol@{};lr=on>", scene.server());
    assert_eq!(sent.header("Record-Route"), own);
}

#[test]
fn an_advertised_address_is_recorded_instead_of_our_own() {
    let scene = Scene::new(
        &["rr"],
        "route { set_advertised_address(\"pub.example.org\"); set_advertised_port(5080);\n\
         record_route(); forward(@NEXT@); }",
    );
    let sent = scene.relay("INVITE", "sip:carol@h", "");
    assert_eq!(
        sent.header("Record-Route"),
        "<sip:pub.example.org:5080;ftag=ft;lr>"
    );
    assert!(
        sent.all("Via")[0].contains("pub.example.org:5080"),
        "{sent:?}"
    );
}

#[test]
fn a_preset_record_may_be_repeated_and_taken_back() {
    let scene = Scene::new(
        &["rr"],
        "route { record_route_preset(\"pre.set.org:99\"); record_route_preset(\"b.org\");\n\
         if (uri=~\"^sip:none\") { remove_record_route(); record_route(); }\n\
         forward(@NEXT@); }",
    );
    let sent = scene.relay("INVITE", "sip:x@h", "");
    let expected = ["<sip:pre.set.org:99;ftag=ft;lr>", "<sip:b.org;ftag=ft;lr>"];
    assert_eq!(sent.all("Record-Route"), expected);
    let sent = scene.relay("INVITE", "sip:none@h", "");
    let own = format!("<sip:{};ftag=ft;lr>", scene.server());
    assert_eq!(sent.all("Record-Route"), [own.as_str()]);
}

#[test]
fn attributes_travel_in_the_record_and_come_back_on_their_side() {
    let scene = Scene::new(
        &["rr", "textops", "xlog"],
        "modparam(\"rr\", \"cookie_secret\", \"hush\")\nmodparam(\"rr\", \"cookie_filter\", \"^acc\")\n\
         modparam(\"rr\", \"user_part_avp\", \"$upart\")\nmodparam(\"rr\", \"next_route_avp\", \"$nroute\")\n\
         avpflags other\n\
         route {\n if (@to.tag == \"\") {\n $fu.account = \"bill\"; setavpflag($fu.account, dialog_cookie);\n\
         $tu.acct2 = 7; setavpflag($tu.acct2, \"dialog_cookie\"); $f.secret = \"no\"; setavpflag($f.secret, dialog_cookie);\n\
         $f.unmarked = \"x\"; record_route(); append_hf(\"X-Cookie: %@rr.dialog_cookie\\r\\n\"); forward(@NEXT@); drop; }\n\
         loose_route();\n\
         append_hf(\"X-Back: %$fu.account %$tu.account %$tu.acct2 %$fu.acct2 %$f.secret %$f.unmarked u=%$upart n=%$nroute\\r\\n\");\n\
         forward(@NEXT@); }",
    );
    let sent = scene.relay("INVITE", "sip:x@h", "");
    let record = sent.header("Record-Route").to_owned();
    let cookie = record
        .split(";avp=")
        .nth(1)
        .expect("a cookie")
        .split(';')
        .next()
        .expect("text");
    assert_eq!(sent.header("X-Cookie"), cookie);
    let bye = |record: &str, from_tag_is_ours: bool| {
        let ftag = if from_tag_is_ours {
            "ftag=ft"
        } else {
            "ftag=zz"
        };
        let routes = record.replace("ftag=ft", ftag);
        let more = format!("To: <sip:bob@b.org>;tag=tt\nRoute: {routes}, <sip:next.org;lr>");
        scene
            .relay("BYE", "sip:x@h", &more)
            .header("X-Back")
            .to_owned()
    };
    let n = "<null>";
    let user = record.replace("<sip:", "<sip:me@");
    assert_eq!(
        bye(&user, true),
        format!("bill {n} 7 {n} {n} {n} u=me n=sip:next.org;lr")
    );
    assert_eq!(
        bye(&record, false),
        format!("{n} bill {n} 7 {n} {n} u= n=sip:next.org;lr")
    );
    // A cookie that somebody changed is not believed.
    let changed: String = cookie.chars().rev().collect();
    let none = format!("{n} {n} {n} {n} {n} {n} u= n=sip:next.org;lr");
    assert_eq!(bye(&record.replace(cookie, &changed), true), none);
}

#[test]
fn names_of_the_first_generation_do_the_same() {
    let scene = Scene::new(
        &["rr", "textops"],
        "route { if (rewriteFromRoute()) { append_hf(\"X-Route: yes\\r\\n\"); } addRecordRoute(); forward(@NEXT@); }",
    );
    let sent = scene.relay(
        "BYE",
        "sip:x@h",
        "To: <sip:b@b>;tag=t\nRoute: <sip:@ME@;lr>",
    );
    assert_eq!(
        (sent.header("X-Route"), sent.all("Route").len()),
        ("yes", 0)
    );
    assert_eq!(sent.all("Record-Route").len(), 1);
}

#[test]
fn a_malformed_parameter_is_named_and_a_strict_record_is_not_for_scripts() {
    for (script, text) in [
        (
            "modparam(\"rr\", \"cookie_filter\", \"(\")\nroute { drop; }",
            "cookie_filter",
        ),
        (
            "modparam(\"rr\", \"next_route_avp\", \"$f.\")\nroute { drop; }",
            "next_route_avp",
        ),
        (
            "modparam(\"rr\", \"add_username\", \"@nosuch\")\nroute { drop; }",
            "add_username",
        ),
        (
            "route { record_route_strict(); }",
            "Command cannot be used in the block",
        ),
    ] {
        let config = format!("{}{script}\n", crate::scene::load(&["rr"]));
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{said}");
    }
}
