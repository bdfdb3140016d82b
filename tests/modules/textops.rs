//! Module `textops`: the edits as the next hop sees them.

use crate::scene::{Message, Scene};

const HEADERS: &str = "X-M: a\nX-M: b, c\nX-P: \"Nm\" <sip:u@h;x=1>;foo=bar;baz, <sip:v@h2>;foo=2\n\
    Authorization: Digest realm=\"r1\", nonce=\"n\"";

/// One server that makes the edit numbered in the Request-URI.
fn edits(calls: &[&str]) -> Scene {
    let arms: String = calls
        .iter()
        .enumerate()
        .map(|(n, call)| {
            format!(
                "if (uri=~\"^sip:n{n}@\") {{ if ({call}) {{ append_hf(\"X-R: 1\\r\\n\"); }} }}\n"
            )
        })
        .collect();
    Scene::new(
        &["textops", "xlog"],
        &format!("route {{ {arms} forward(@NEXT@); }}"),
    )
}

fn run(scene: &Scene, n: usize, more: &str) -> Message {
    scene.relay("OPTIONS", &format!("sip:n{n}@h"), more)
}

#[test]
fn values_of_lists_are_added_where_the_index_says() {
    // Call, success, X-M lines afterwards.
    let cases: [(&str, bool, &[&str]); 15] = [
        (
            r#"append_hf_value("X-M","new")"#,
            true,
            &["a", "b, c", "new"],
        ),
        (
            r#"append_hf_value("X-M[1]","new1")"#,
            true,
            &["a,new1", "b, c"],
        ),
        (
            r#"append_hf_value("X-M[2]","new2")"#,
            true,
            &["a", "b,new2, c"],
        ),
        (
            r#"append_hf_value("X-M[-1]","nl")"#,
            true,
            &["a", "b, c,nl"],
        ),
        (r#"append_hf_value("X-M[0]","nl")"#, true, &["a", "b, c,nl"]),
        (r#"append_hf_value("X-M[9]","x")"#, false, &["a", "b, c"]),
        (
            r#"insert_hf_value("X-M","ins")"#,
            true,
            &["ins", "a", "b, c"],
        ),
        (r#"insert_hf_value("X-M[2]","i2")"#, true, &["a", "i2,b, c"]),
        (r#"insert_hf_value("X-M[0]","k")"#, true, &["k,a", "b, c"]),
        (r#"insert_hf_value("X-M[-1]","k")"#, true, &["a", "b, k,c"]),
        (r#"include_hf_value("X-M","z")"#, true, &["a,z", "b, c"]),
        (r#"include_hf_value("X-M","B")"#, true, &["a", "b, c"]),
        (r#"hf_value_exists("X-M","C")"#, true, &["a", "b, c"]),
        (r#"hf_value_exists("X-M","bc")"#, false, &["a", "b, c"]),
        (
            r#"append_hf_value("X-M[1]","%rm")"#,
            true,
            &["a,OPTIONS", "b, c"],
        ),
    ];
    let calls: Vec<&str> = cases.iter().map(|(call, ..)| *call).collect();
    let scene = edits(&calls);
    for (n, (call, done, lines)) in cases.iter().enumerate() {
        let sent = run(&scene, n, HEADERS);
        assert_eq!(sent.header("X-R") == "1", *done, "{call}");
        assert_eq!(sent.all("X-M"), *lines, "{call}");
    }
}

#[test]
fn a_value_for_a_header_that_is_missing_makes_one() {
    let cases = [
        (r#"append_hf_value("X-New","v")"#, "v"),
        (r#"append_hf_value("X-New[1]","v")"#, "v"),
        (r#"insert_hf_value("X-New","v")"#, "v"),
        (r#"insert_hf_value("X-New[1]","v")"#, "v"),
        (r#"insert_hf_value("X-New[2]","v")"#, ""),
        (r#"include_hf_value("X-New","v")"#, "v"),
        (r#"assign_hf_value("X-New","v")"#, ""),
        (r#"exclude_hf_value("X-New","v")"#, ""),
    ];
    let calls: Vec<&str> = cases.iter().map(|(call, _)| *call).collect();
    let scene = edits(&calls);
    for (n, (call, value)) in cases.iter().enumerate() {
        assert_eq!(run(&scene, n, HEADERS).header("X-New"), *value, "{call}");
    }
}

#[test]
fn values_and_parameters_are_removed_and_assigned() {
    let p = "\"Nm\" <sip:u@h;x=1>;foo=bar;baz, <sip:v@h2>;foo=2";
    // Call, header, its lines afterwards.
    let cases: [(&str, &str, &[&str]); 21] = [
        (r#"remove_hf_value("X-M")"#, "X-M", &["b, c"]),
        (r#"remove_hf_value("X-M[1]")"#, "X-M", &["b, c"]),
        (r#"remove_hf_value("X-M[2]")"#, "X-M", &["a", " c"]),
        (r#"remove_hf_value("X-M[3]")"#, "X-M", &["a", "b"]),
        (r#"remove_hf_value("X-M[*]")"#, "X-M", &[]),
        (r#"exclude_hf_value("X-M","b")"#, "X-M", &["a", " c"]),
        (
            r#"remove_hf_value("X-P[1].foo")"#,
            "X-P",
            &["\"Nm\" <sip:u@h;x=1>;baz, <sip:v@h2>;foo=2"],
        ),
        (
            r#"remove_hf_value("X-P[*].foo")"#,
            "X-P",
            &["\"Nm\" <sip:u@h;x=1>;baz, <sip:v@h2>"],
        ),
        (
            r#"remove_hf_value("X-P[2]")"#,
            "X-P",
            &["\"Nm\" <sip:u@h;x=1>;foo=bar;baz"],
        ),
        (r#"remove_hf_value("X-P.x")"#, "X-P", &[p]),
        (r#"assign_hf_value("X-M","asg")"#, "X-M", &["asg", "b, c"]),
        (
            r#"assign_hf_value("X-M[2]","asg2")"#,
            "X-M",
            &["a", "asg2, c"],
        ),
        (r#"assign_hf_value("X-M","")"#, "X-M", &["", "b, c"]),
        (
            r#"assign_hf_value("X-P[1].nn","nv")"#,
            "X-P",
            &["\"Nm\" <sip:u@h;x=1>;foo=bar;baz;nn=nv, <sip:v@h2>;foo=2"],
        ),
        (
            r#"assign_hf_value("X-P[*].foo","k")"#,
            "X-P",
            &["\"Nm\" <sip:u@h;x=1>;foo=k;baz, <sip:v@h2>;foo=k"],
        ),
        (
            r#"assign_hf_value("X-P[1].baz","on")"#,
            "X-P",
            &["\"Nm\" <sip:u@h;x=1>;foo=bar;baz=on, <sip:v@h2>;foo=2"],
        ),
        (
            r#"assign_hf_value2("Authorization.realm","newr")"#,
            "Authorization",
            &["Digest realm=newr, nonce=\"n\""],
        ),
        (
            r#"assign_hf_value2("Authorization.opaque","o")"#,
            "Authorization",
            &["Digest realm=\"r1\", nonce=\"n\",opaque=o"],
        ),
        (
            r#"remove_hf_value2("Authorization.realm")"#,
            "Authorization",
            &["Digest nonce=\"n\""],
        ),
        (r#"remove_hf_value2("Authorization")"#, "Authorization", &[]),
        (r#"remove_hf_value("f")"#, "From", &[]),
    ];
    let calls: Vec<&str> = cases.iter().map(|(call, ..)| *call).collect();
    let scene = edits(&calls);
    for (n, (call, name, lines)) in cases.iter().enumerate() {
        assert_eq!(run(&scene, n, HEADERS).all(name), *lines, "{call}");
    }
}

#[test]
fn whole_headers_and_lines_are_added_and_removed() {
    let cases: [(&str, bool, &str, &[&str]); 9] = [
        (r#"remove_hf("x-m")"#, true, "X-M", &[]),
        (r#"remove_hf("X-None")"#, false, "X-M", &["a", "b, c"]),
        (r#"remove_hf("m")"#, false, "X-M", &["a", "b, c"]),
        (r#"is_present_hf("x-M")"#, true, "X-M", &["a", "b, c"]),
        (r#"is_present_hf("f")"#, false, "X-M", &["a", "b, c"]),
        (
            r#"is_present_hf("@msg.header.x_which")"#,
            false,
            "X-M",
            &["a", "b, c"],
        ),
        (
            r#"append_hf("X-A: %rm\r\nX-B: 2\r\n")"#,
            true,
            "X-A",
            &["OPTIONS"],
        ),
        (
            r#"append_urihf("X-U: ", "!\r\n")"#,
            true,
            "X-U",
            &["sip:n7@h!"],
        ),
        (r#"search("^X-M: B")"#, true, "X-M", &["a", "b, c"]),
    ];
    let calls: Vec<&str> = cases.iter().map(|(call, ..)| *call).collect();
    let scene = edits(&calls);
    for (n, (call, done, name, lines)) in cases.iter().enumerate() {
        let sent = run(&scene, n, HEADERS);
        assert_eq!(sent.header("X-R") == "1", *done, "{call}");
        assert_eq!(sent.all(name), *lines, "{call}");
    }
}

#[test]
fn text_is_searched_and_replaced_behind_the_first_line() {
    let scene = edits(&[
        r#"search_append("v=0", "1")"#,
        r#"replace("c=IN", "C=%rm")"#,
        r#"replace_all("o", "0")"#,
        r#"replace("OPTIONS sip:", "x")"#,
        r#"subst("/^c=(..) (...)/c=\2 \1 %rm/")"#,
        r#"subst("/=/-/g")"#,
        r#"subst("/NOPE/x/")"#,
        r#"subst("/^C=in/y/i")"#,
        r#"subst("/v=0.*c/all/s")"#,
    ]);
    let body = |n: usize| {
        let sent = run(&scene, n, "\n\nv=0\nc=IN IP4\no=o");
        let (head, body) = sent.0.split_once("\r\n\r\n").expect("a body");
        let length = head
            .split("\r\nContent-Length: ")
            .nth(1)
            .and_then(|l| l.split("\r\n").next());
        assert_eq!(length, Some(body.len().to_string().as_str()), "{sent:?}");
        (sent.header("X-R") == "1", body.replace("\r\n", "\n"))
    };
    let same = "v=0\nc=IN IP4\no=o".to_owned();
    assert_eq!(body(0), (true, "v=01\nc=IN IP4\no=o".into()));
    assert_eq!(body(1), (true, "v=0\nC=OPTIONS IP4\no=o".into()));
    assert_eq!(body(3), (false, same.clone()));
    assert_eq!(body(4), (true, "v=0\nc=IP4 IN OPTIONS\no=o".into()));
    assert_eq!(body(6), (false, same));
    assert_eq!(body(7), (true, "v=0\ny IP4\no=o".into()));
    assert_eq!(body(8), (true, "all=IN IP4\no=o".into()));
    let everywhere = run(&scene, 2, "X-Foo: oOo");
    assert_eq!(everywhere.header("X-F00"), "000", "{everywhere:?}");
    let all = run(&scene, 5, "X-Foo: a=b=c");
    assert_eq!(all.header("X-Foo"), "a-b-c");
}

#[test]
fn the_request_uri_is_substituted_whole_or_its_user() {
    let scene = Scene::new(
        &["textops"],
        r#"route { if (uri=~"^sip:a") { subst_uri("/^sip:([^@]*)@.*$/sip:\1@new.org/"); }
            if (uri=~"^sip:7") { subst_user("/7(.*)/+49\1/"); }
            if (uri=~"^sip:h") { subst_user("/^/u/"); }
            if (!subst_user("/nobody/x/")) { append_hf("X-R: none\r\n"); }
            forward(@NEXT@); }"#,
    );
    for (uri, after) in [
        ("sip:abc@old", "sip:abc@new.org"),
        ("sip:7123@h;p", "sip:+49123@h;p"),
        ("sip:h", "sip:u@h"),
    ] {
        let sent = scene.relay("OPTIONS", uri, "");
        assert_eq!((sent.uri(), sent.header("X-R")), (after, "none"), "{uri}");
    }
}

#[test]
fn replies_get_lines_and_the_time() {
    let scene = Scene::new(
        &["sl", "textops", "xlog"],
        r#"route { append_to_reply("X-A: %ci\r\nX-B: 2\r\n"); append_time(); sl_send_reply("200", "OK"); }"#,
    );
    let reply = scene.ask("OPTIONS", "sip:x@h", "");
    assert_eq!(reply.header("X-A"), reply.header("Call-ID"));
    assert_eq!(reply.header("X-B"), "2");
    let date = reply.header("Date");
    assert!(
        date.len() == 29 && date.ends_with(" GMT") && &date[3..5] == ", ",
        "{date}"
    );
}

#[test]
fn selects_show_values_parameters_and_addresses() {
    let shown = [
        ("@hf_value.x_m", "a,b,c"),
        ("@hf_value.x_m[2]", "b"),
        ("@hf_value.x_m[-1]", "c"),
        ("@hf_value.x_m[4]", "<null>"),
        ("@hf_value.x_p[1].foo", "bar"),
        ("@hf_value.x_p[1].p.foo", "bar"),
        ("@hf_value.x_p[1].param.baz", ""),
        ("@hf_value.x_p[2].foo", "2"),
        ("@hf_value.x_p[1].uri", "sip:u@h;x=1"),
        ("@hf_value.x_p[1].uri.host", "h"),
        ("@hf_value.x_p[1].name", "Nm"),
        ("@hf_value.x_p[2].nameaddr.uri", "sip:v@h2"),
        ("@hf_value.x_p.uri", "sip:u@h;x=1,sip:v@h2"),
        (
            "@hf_value.x_p.foo",
            "\"Nm\" <sip:u@h;x=1>;foo=bar;baz,<sip:v@h2>;foo=2",
        ),
        ("@hf_value[\\\"X-M\\\"]", "a,b,c"),
        ("@hf_value[\\\"X-M\\\"][2]", "b"),
        ("@hf_value[\\\"X-P\\\"][1].foo", "bar"),
        ("@hf_value_exists.x_m.B", "1"),
        ("@hf_value_exists[\\\"X-M\\\"].b", "1"),
        ("@hf_value_exists.x_m[\\\"b\\\"]", "1"),
        ("@hf_value_exists.x_m.bb", "0"),
        ("@hf_value2.authorization[1].realm", "r1"),
        ("@hf_value2.authorization[1].opaque", "<null>"),
    ];
    let lines: String = shown
        .iter()
        .enumerate()
        .map(|(n, (select, _))| format!("append_to_reply(\"X-{n}: %{select}\\r\\n\");\n"))
        .collect();
    let scene = Scene::new(
        &["sl", "textops", "xlog"],
        &format!("route {{ {lines} sl_send_reply(\"200\", \"OK\"); }}"),
    );
    let reply = scene.ask("OPTIONS", "sip:x@h", HEADERS);
    for (n, (select, value)) in shown.iter().enumerate() {
        assert_eq!(reply.header(&format!("X-{n}")), *value, "{select}");
    }
}

#[test]
fn references_that_make_no_sense_are_refused() {
    for (call, text) in [
        (r#"append_hf_value("X-M[*]","x")"#, "[*] makes no sense"),
        (r#"append_hf_value("X-M[-11]","x")"#, "bad index"),
        (
            r#"append_hf_value("X-P[1].par","x")"#,
            "a parameter makes no sense",
        ),
        (r#"assign_hf_value("X-M[*]","x")"#, "[*] needs a parameter"),
        (
            r#"include_hf_value("X-M[1]","x")"#,
            "only the name of a header",
        ),
        (r#"search("(")"#, "bad regular expression"),
        (r#"subst("/a/b")"#, "/regex/replacement/flags"),
        (r#"subst("/a/b/z")"#, "unknown flag z"),
        (r#"append_hf("%Cqq")"#, "bad color"),
    ] {
        let config = format!("{}route {{ {call}; }}\n", crate::scene::load(&["textops"]));
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{call}: {said}");
    }
}

#[test]
fn a_reply_is_edited_on_its_way_back() {
    let scene = Scene::new(
        &["textops", "xlog"],
        r#"route { forward(@NEXT@); }
            onreply_route { if (search("^X-Hide")) { remove_hf("X-Hide"); append_hf("X-Seen: %rs %rr\r\n");
                replace("secret", "public"); assign_hf_value("X-L[2]", "two"); } }"#,
    );
    let sent = scene.relay("OPTIONS", "sip:x@h", "");
    let headers = sent.0.split_once("\r\n").expect("lines").1;
    let headers = headers.split("Content-Length").next().expect("headers");
    let reply = format!(
        "SIP/2.0 200 Fine\r\n{headers}X-Hide: 1\r\nX-L: a, b\r\nContent-Length: 6\r\n\r\nsecret"
    );
    let server = scene.server();
    scene
        .next_hop
        .send_to(reply.as_bytes(), server)
        .expect("it is sent");
    let got = crate::scene::receive(&scene.client);
    assert_eq!(got.status(), "200 Fine");
    assert_eq!(
        (got.header("X-Hide"), got.header("X-Seen")),
        ("", "200 Fine")
    );
    assert_eq!(got.header("X-L"), "a, two");
    assert!(got.0.ends_with("\r\n\r\npublic"), "{got:?}");
    assert_eq!(got.all("Via").len(), 1, "{got:?}");
}

#[test]
fn an_onsend_route_searches_what_is_about_to_leave() {
    let scene = Scene::new(
        &["textops"],
        r#"route { append_hf("X-New: yes\r\n"); forward(@NEXT@); }
            onsend_route { if (search("^X-New: yes") && search("^X-Secret:")) { drop; } }"#,
    );
    scene.send("OPTIONS", "sip:secret@h", "X-Secret: 1");
    let sent = scene.relay("OPTIONS", "sip:open@h", "");
    assert_eq!(sent.uri(), "sip:open@h", "the first one was dropped");
}
