//! Module `xlog`: levels, limits, and the specifiers as they come out.

use crate::scene::Scene;

fn line(scene: &Scene, mark: &str) -> String {
    crate::common::wait_until("the line is logged", || scene.log().contains(mark));
    let log = scene.log();
    let line = log.lines().find(|l| l.contains(mark)).expect("just seen");
    let rest = line.split_once(mark).expect("just seen").1;
    rest.to_owned()
}

#[test]
fn specifiers_show_pieces_of_the_request() {
    let formats = [
        (
            "a",
            "%ci|%cs|%fu|%ft|%tu|%tt|%rm|%ru|%rs|%rr",
            "*|7|sip:alice@a.org|ft|sip:bob@b.org|<null>|OPTIONS|sip:x@h;p|<null>|<null>",
        ),
        (
            "b",
            "%si|%Ri|%mf|%br|%bR|%nh|%ds",
            "127.0.0.1|127.0.0.1|8|sip:b1@h|sip:b1@h, <sip:b2@h>;q=0.25|sip:x@h;p|Contact: sip:b1@h, <sip:b2@h>;q=0.25",
        ),
        (
            "c",
            "%ua|%rt|%ct|%%|100% |x%|y",
            "t/1|sip:ref@r|<sip:c@c>, <sip:d@d>|%|100|xy",
        ),
        (
            "d",
            "%{X-M}|%{x-m[1]}|%{X-M[-1]}|%{X-M[*]}|%{X-N}|%{From[0]}",
            "a|b, c|b, c|a, b, c|<null>|\"Alice\" <sip:alice@a.org>;tag=ft",
        ),
        (
            "e",
            "%$one|%$num|%$f.two|%$f.two[1]|%$f.two[-1]|%$two[1]|%<one>",
            "1|42|<null>|x|y|<null>|<null>",
        ),
        (
            "f",
            "%@from.uri.user|%@msg.header[\\\"X-M\\\"]|%@to.tag|%@msg.header.nope",
            "alice|a||<null>",
        ),
        (
            "g",
            "%fU|%is|%Cbx!",
            "<null>|<null>s|\u{1b}[0;34;49m!\u{1b}[0m",
        ),
    ];
    let statements: String = formats
        .iter()
        .map(|(mark, format, _)| {
            // A bar behind % is a specifier of its own.
            format!("xlog(\"L_ERR\", \"M{mark}:{format}\");\n")
        })
        .collect();
    let scene = Scene::new(
        &["sl", "xlog"],
        &format!(
            "route {{ setflag(3); append_branch(\"sip:b1@h\"); append_branch(\"sip:b2@h\", \"0.25\");\n\
             $one = \"1\"; $num = 42; $f.two = \"x\"; $f.two[] = \"y\";\n{statements}sl_send_reply(\"200\", \"OK\"); }}"
        ),
    );
    let more =
        "User-Agent: t/1\nRefer-To: <sip:ref@r>\nContact: <sip:c@c>, <sip:d@d>\nX-M: a\nX-M: b, c";
    let reply = scene.ask("OPTIONS", "sip:x@h;p", more);
    let call_id = reply.header("Call-ID").to_owned();
    for (mark, _, expected) in formats {
        let shown = line(&scene, &format!("M{mark}:"));
        let expected = expected.replace('*', &call_id);
        assert_eq!(
            shown.trim_end_matches("\u{1b}[0m"),
            expected.trim_end_matches("\u{1b}[0m"),
            "{mark}"
        );
    }
}

#[test]
fn numbers_of_process_time_and_message_have_their_forms() {
    let scene = Scene::new(
        &["sl", "xlog"],
        "route { xlog(\"L_ERR\", \"N:%pp %px %Ts %Tx %mi %mx %ml %uq %uq %sp %Rp\"); sl_send_reply(\"200\", \"OK\"); }",
    );
    scene.ask("OPTIONS", "sip:x@h", "");
    let shown = line(&scene, "N:");
    let words: Vec<&str> = shown.split_whitespace().collect();
    let dec = |i: usize| words[i].parse::<u64>().expect("decimal");
    let hex = |i: usize| u64::from_str_radix(words[i], 16).expect("hexadecimal");
    assert_eq!((dec(0), words[1].len()), (hex(1), 8));
    assert_eq!((dec(2), words[3].len()), (hex(3), 8));
    assert_eq!((dec(4), hex(5), words[5].len()), (1, 1, 8));
    assert_eq!((words[7].len(), hex(7).wrapping_add(1)), (16, hex(8)));
    assert_eq!(dec(10), u64::from(scene.setup.port));
    assert_eq!(dec(9), u64::from(crate::scene::port_of(&scene.client)));
}

#[test]
fn the_level_decides_and_a_line_over_the_limit_is_lost() {
    let scene = Scene::new(
        &["sl", "xlog"],
        "debug=1\nmodparam(\"xlog\", \"buf_size\", 32)\n\
         route { xlog(\"L_INFO\", \"INFO line\"); xdbg(\"DBG line\"); xlog(\"L_WARN\", \"WARN line\"); xlog(\"ALONE\");\n\
         if (xlog(\"L_CRIT\", \"%mb\")) { sl_send_reply(\"200\", \"logged\"); } else { sl_send_reply(\"500\", \"too long\"); } }",
    );
    assert_eq!(scene.ask("OPTIONS", "sip:x@h", "").status(), "500 too long");
    let log = scene.log();
    assert!(log.contains("WARN line") && log.contains("ALONE"), "{log}");
    for hidden in ["INFO line", "DBG line", "Call-ID"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}

#[test]
fn a_malformed_format_or_level_is_refused() {
    for (call, text) in [
        ("xlog(\"L_ERR\", \"100%\")", "ends in %"),
        ("xlog(\"L_ERR\", \"%Cqq\")", "bad color"),
        ("xlog(\"L_ERR\", \"%{1x}\")", "bad header name"),
        ("xlog(\"L_ERR\", \"%@nosuch.thing\")", "nosuch"),
        ("xlog(\"L_ZZZ\", \"x\")", "unknown level"),
    ] {
        let config = format!("{}route {{ {call}; }}\n", crate::scene::load(&["xlog"]));
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{call}: {said}");
    }
}
