//! Module `registrar`: REGISTER and its answers, and whom `lookup` finds.

use crate::scene::Scene;

const MODULES: [&str; 5] = ["sl", "usrloc", "registrar", "textops", "xlog"];

fn scene(params: &str, script: &str) -> Scene {
    let script = format!(
        "{params}route {{ if (method==\"REGISTER\") {{ save(\"location\"); drop; }} {script} }}"
    );
    Scene::new(&MODULES, &script)
}

/// A REGISTER for bob; status and Contact of the answer.
fn register(scene: &Scene, more: &str) -> (String, String) {
    let reply = scene.ask("REGISTER", "sip:@ME@", more);
    (
        reply.status().to_owned(),
        reply.header("Contact").to_owned(),
    )
}

fn ok(contact: &str) -> (String, String) {
    ("200 OK".to_owned(), contact.to_owned())
}

#[test]
fn bindings_are_added_refreshed_and_removed() {
    let scene = scene("", "drop;");
    assert_eq!(register(&scene, ""), ok(""));
    let b1 = "<sip:b1@h>;expires=600";
    assert_eq!(
        register(&scene, "Contact: <sip:b1@h>\nExpires: 600"),
        ok(b1)
    );
    // What is too short is raised; a known q stands first.
    let b2 = register(&scene, "Contact: <sip:b2@h>;q=0.7;expires=5");
    assert_eq!(b2, ok(&format!("<sip:b2@h>;q=0.7;expires=60, {b1}")));
    // A refresh without q forgets it and keeps the place.
    let again = register(&scene, "Contact: <sip:b2@h>;expires=100");
    assert_eq!(again, ok(&format!("<sip:b2@h>;expires=100, {b1}")));
    let gone = register(&scene, "Contact: <sip:b2@h>;expires=0");
    assert_eq!(gone, ok(b1));
    assert_eq!(register(&scene, "Contact: *\nExpires: 0"), ok(""));
}

#[test]
fn several_contacts_are_taken_in_the_order_of_the_original() {
    let scene = scene("", "drop;");
    let one_header = register(&scene, "Contact: <sip:b1@h>, <sip:b2@h>\nExpires: 60");
    assert_eq!(
        one_header,
        ok("<sip:b2@h>;expires=60, <sip:b1@h>;expires=60")
    );
    register(&scene, "Contact: *\nExpires: 0");
    let two = register(
        &scene,
        "Contact: <sip:A@h>\nContact: <sip:a@h>\nExpires: 60",
    );
    assert_eq!(two, ok("<sip:A@h>;expires=60, <sip:a@h>;expires=60"));
    register(&scene, "Contact: *\nExpires: 0");
    let q = "Contact: <sip:a@h>;q=0\nContact: <sip:b@h>;q=.5\nContact: <sip:c@h>;q=1, <sip:d@h>;q=0.123\nExpires: 60";
    let list = register(&scene, q).1;
    let order: Vec<&str> = list
        .split(", ")
        .filter_map(|c| c.split(';').nth(1))
        .collect();
    assert_eq!(order, ["q=1", "q=0.5", "q=0.123", "q=0"]);
}

#[test]
fn times_that_make_no_sense_become_ones_that_do() {
    let scene = scene("", "drop;");
    for (asked, given) in [
        ("Contact: <sip:b@h>", 3600),
        ("Contact: <sip:b@h>;expires=abc\nExpires: foo", 3600),
        ("Contact: <sip:b@h>\nExpires: foo", 3600),
        ("Contact: <sip:b@h>;expires=1", 60),
        ("Contact: <sip:b@h>;expires=99999999999", 4_294_967_295u64),
    ] {
        assert_eq!(
            register(&scene, asked),
            ok(&format!("<sip:b@h>;expires={given}")),
            "{asked}"
        );
    }
}

#[test]
fn what_is_wrong_is_named_and_changes_nothing() {
    let scene = scene("", "drop;");
    register(&scene, "Contact: <sip:b@h>\nExpires: 60");
    for (more, error) in [
        ("Contact: <sip:c@h>;q=7", "Invalid q param in contact"),
        ("Contact: *", "* used in contact and expires is not zero"),
        (
            "Contact: *\nContact: <sip:c@h>\nExpires: 0",
            "* used in contact and more than 1 contact",
        ),
        ("Contact: <sip:c@h>, *\nExpires: 0", "Contact parse error"),
        ("Contact: <<<", "Contact parse error"),
    ] {
        let reply = scene.ask("REGISTER", "sip:@ME@", more);
        assert_eq!(reply.status(), "400 Bad Request", "{more}");
        assert_eq!(reply.header("P-Registrar-Error"), error, "{more}");
        assert_eq!(reply.header("Contact"), "<sip:b@h>;expires=60", "{more}");
    }
}

#[test]
fn more_contacts_than_allowed_are_refused_with_a_time_to_try_again() {
    let params = "modparam(\"registrar\", \"max_contacts\", 2)\nmodparam(\"registrar\", \"retry_after\", 30)\n";
    let scene = scene(params, "drop;");
    register(&scene, "Contact: <sip:a@h>, <sip:b@h>\nExpires: 60");
    let reply = scene.ask("REGISTER", "sip:@ME@", "Contact: <sip:c@h>");
    assert_eq!(reply.status(), "503 Service Unavailable");
    assert_eq!(
        reply.header("P-Registrar-Error"),
        "Too many registered contacts"
    );
    assert_eq!(reply.header("Retry-After"), "30");
    assert_eq!(
        reply.header("Contact"),
        "<sip:b@h>;expires=60, <sip:a@h>;expires=60"
    );
    // One goes, one comes.
    let swapped = register(&scene, "Contact: <sip:a@h>;expires=0, <sip:c@h>;expires=60");
    assert_eq!(swapped, ok("<sip:b@h>;expires=60, <sip:c@h>;expires=60"));
}

#[test]
fn users_are_told_apart_by_the_user_part_or_with_the_domain() {
    let both = |params: &str| {
        let scene = scene(params, "drop;");
        register(
            &scene,
            "To: <sip:bob@one.org>\nContact: <sip:a@h>\nExpires: 60",
        );
        let seen = register(&scene, "To: <sip:BOB@Two.org>").1;
        let same = register(&scene, "To: <sip:BOB@One.org>").1;
        let escaped = register(&scene, "To: <sip:%62ob@one.org>").1;
        [seen, same, escaped].map(|list| !list.is_empty())
    };
    assert_eq!(both(""), [true, true, false]);
    assert_eq!(
        both("modparam(\"registrar\", \"use_domain\", 1)\n"),
        [false, true, false]
    );
    assert_eq!(
        both("modparam(\"registrar\", \"case_sensitive\", 1)\n"),
        [false, false, false]
    );
}

#[test]
fn a_uid_that_the_script_sets_is_the_key() {
    let script =
        "route { $tu.uid = \"u42\"; if (method==\"REGISTER\") { save(\"location\"); drop; }
        if (lookup(\"location\")) { append_hf(\"X-Uid: %$t.uid\\r\\n\"); } forward(@NEXT@); }";
    let scene = Scene::new(&MODULES, script);
    register(&scene, "To: <sip:x@y>\nContact: <sip:a@h>");
    let sent = scene.relay("INVITE", "sip:z@z", "To: <sip:other@z>");
    assert_eq!((sent.uri(), sent.header("X-Uid")), ("sip:a@h", "u42"));
}

#[test]
fn lookup_takes_the_first_contact_and_makes_branches_of_the_others() {
    let answer = "if (lookup(\"location\")) { append_hf(\"X-B: %@branch.count %bR\\r\\n\"); } forward(@NEXT@);";
    let contacts = "Contact: <sip:low@h>;q=0.1, <sip:high@h>;q=0.9, <sip:mid@h>;q=0.5";
    let scene_all = scene("", answer);
    register(&scene_all, contacts);
    let sent = scene_all.relay("INVITE", "sip:bob@h", "");
    assert_eq!(sent.uri(), "sip:high@h");
    assert_eq!(sent.header("X-B"), "2 <sip:mid@h>;q=0.5, <sip:low@h>;q=0.1");
    let scene_one = scene("modparam(\"registrar\", \"append_branches\", 0)\n", answer);
    register(&scene_one, contacts);
    let sent = scene_one.relay("INVITE", "sip:bob@h", "");
    assert_eq!((sent.uri(), sent.header("X-B")), ("sip:high@h", "0 "));
}

#[test]
fn the_result_of_lookup_says_why_there_is_nobody() {
    let script = "lookup(\"location\"); if ($?==1) { sl_send_reply(\"200\", \"1\"); } if ($?==-3) { sl_send_reply(\"404\", \"-3\"); }
        if ($?==-5) { sl_send_reply(\"480\", \"-5\"); }";
    let scene = scene("modparam(\"registrar\", \"min_expires\", 0)\n", script);
    assert_eq!(scene.ask("INVITE", "sip:bob@h", "").status(), "404 -3");
    register(&scene, "Contact: <sip:a@h>;expires=1");
    assert_eq!(scene.ask("INVITE", "sip:bob@h", "").status(), "200 1");
    crate::common::wait_until("the contact is over", || {
        scene.ask("INVITE", "sip:bob@h", "").status() == "480 -5"
    });
}

#[test]
fn the_to_header_decides_unless_the_script_rewrote_the_request_uri() {
    let look = "lookup(\"location\"); forward(@NEXT@);";
    let plain = scene("", look);
    register(&plain, "Contact: <sip:bobs@h>");
    assert_eq!(
        plain.relay("MESSAGE", "sip:carol@h", "").uri(),
        "sip:bobs@h"
    );
    // An alias leads to the user whose contacts are looked up next, as in 0.8 and 0.9.
    let script = "route { if (method==\"REGISTER\") { if (uri=~\"aliases\") { save(\"aliases\"); } else { save(\"location\"); } drop; }
        lookup(\"aliases\"); if (uri=~\"^sip:9\") { strip(1); } lookup(\"location\");
        if (registered(\"location\")) { append_hf(\"X-On: %$t.uid\\r\\n\"); } forward(@NEXT@); }";
    let aliases = Scene::new(&MODULES, script);
    aliases.ask(
        "REGISTER",
        "sip:aliases",
        "To: <sip:5551@h>\nContact: <sip:bob@b.org>",
    );
    register(&aliases, "Contact: <sip:bobs@h>");
    let sent = aliases.relay("INVITE", "sip:5551@h", "To: <sip:5551@h>");
    assert_eq!((sent.uri(), sent.header("X-On")), ("sip:bobs@h", "bob"));
    let sent = aliases.relay("INVITE", "sip:9bob@h", "To: <sip:9bob@h>");
    assert_eq!((sent.uri(), sent.header("X-On")), ("sip:bobs@h", "bob"));
    // user@domain was looked for by the Request-URI.
    let old = scene("modparam(\"registrar\", \"use_domain\", 1)\n", look);
    register(&old, "To: <sip:carol@h>\nContact: <sip:carols@h>");
    assert_eq!(
        old.relay("MESSAGE", "sip:carol@h", "").uri(),
        "sip:carols@h"
    );
}

#[test]
fn a_contact_behind_a_nat_is_reached_at_its_source() {
    let params = "modparam(\"registrar\", \"save_nat_flag\", 5)\nmodparam(\"registrar\", \"load_nat_flag\", \"natted\")\n";
    let script = format!(
        "{params}route {{ if (method==\"REGISTER\") {{ setflag(5); save(\"location\"); drop; }}\n\
         lookup(\"location\"); if (isflagset(natted)) {{ append_hf(\"X-Nat: %@dst_uri\\r\\n\"); }} forward(@NEXT@); }}"
    );
    let scene = Scene::new(&MODULES, &script);
    let source = format!(
        "sip:{};dstip=127.0.0.1;dstport={}",
        scene.client.local_addr().expect("bound"),
        scene.setup.port
    );
    let list = register(&scene, "Contact: <sip:nat@10.0.0.1:5070>;expires=300").1;
    let expected = format!("<sip:nat@10.0.0.1:5070>;expires=300;received=\"{source}\"");
    assert_eq!(list, expected);
    let sent = scene.relay("INVITE", "sip:bob@h", "");
    assert_eq!(
        (sent.uri(), sent.header("X-Nat")),
        ("sip:nat@10.0.0.1:5070", source.as_str())
    );
}

#[test]
fn what_a_contact_says_of_its_source_is_believed_if_the_flag_says_so() {
    let with = |flag: &str| {
        let params = format!("modparam(\"registrar\", \"trust_received_flag\", {flag})\n");
        let scene = scene(&params, "drop;");
        let list = register(
            &scene,
            "Contact: <sip:a@h>;received=\"sip:9.9.9.9:1\";expires=60",
        )
        .1;
        list.contains(";received=\"sip:9.9.9.9:1\"")
    };
    assert_eq!([with("-2"), with("-1"), with("7")], [true, false, false]);
    let changed = "modparam(\"registrar\", \"received_param\", \"rcv\")\nmodparam(\"registrar\", \"received_to_uri\", 1)\n";
    let scene = scene(changed, "lookup(\"location\"); forward(@NEXT@);");
    let list = register(
        &scene,
        "Contact: <sip:a@h>;received=\"sip:9.9.9.9:1\";expires=60",
    )
    .1;
    assert_eq!(list, "<sip:a@h>;expires=60;rcv=\"sip:9.9.9.9:1\"");
    let sent = scene.relay("INVITE", "sip:bob@h", "");
    assert_eq!(sent.uri(), "sip:a@h;received=\"sip:9.9.9.9:1\"");
}

#[test]
fn an_instance_replaces_its_old_contact() {
    let scene = scene("", "drop;");
    register(
        &scene,
        "Contact: <sip:old@h>;+sip.instance=\"<urn:uuid:1>\";expires=60",
    );
    let list = register(
        &scene,
        "Contact: <sip:new@h>;+sip.instance=\"<urn:uuid:1>\";expires=60",
    );
    assert_eq!(list, ok("<sip:new@h>;expires=60"));
}

#[test]
fn without_a_reply_the_answer_stands_in_attributes() {
    let script = "route { $g = 1; if (save_noreply(\"location\")) { append_to_reply(\"%$contact\"); sl_send_reply(\"$code\", \"$reason\"); drop; }
        if ($?==-2) { sl_send_reply(\"499\", \"refused\"); } }"
        .replace("$g = 1; ", "");
    for function in ["save_noreply", "save_contacts_noreply", "save_mem_nr"] {
        let scene = Scene::new(&MODULES, &script.replace("save_noreply", function));
        assert_eq!(
            register(&scene, "Contact: <sip:a@h>;expires=60"),
            ok("<sip:a@h>;expires=60")
        );
        let refused = scene.ask("REGISTER", "sip:@ME@", "Contact: *");
        assert_eq!(refused.status(), "499 refused", "{function}");
    }
}

#[test]
fn an_address_of_record_filters_what_is_listed_and_found() {
    let script = "route { if (method==\"REGISTER\") { save(\"location\", \"@to.uri\"); drop; }
        if (registered(\"location\", \"@msg.header.x_aor\")) { append_hf(\"X-On: 1\\r\\n\"); }
        if (lookup(\"location\", \"@msg.header.x_aor\")) { append_hf(\"X-Hit: 1\\r\\n\"); } forward(@NEXT@); }";
    let scene = Scene::new(&MODULES, script);
    register(
        &scene,
        "To: <sip:bob@one.org>\nContact: <sip:a@h>;expires=60",
    );
    let other = register(
        &scene,
        "To: <sip:bob@two.org>\nContact: <sip:b@h>;expires=60",
    );
    assert_eq!(other, ok("<sip:b@h>;expires=60"));
    let sent = scene.relay("INVITE", "sip:bob@h", "X-Aor: SIP:bob@TWO.org");
    assert_eq!(
        (sent.uri(), sent.header("X-Hit"), sent.header("X-On")),
        ("sip:b@h", "1", "1")
    );
    for aor in ["X-Aor: sip:bob@three.org", ""] {
        let sent = scene.relay("INVITE", "sip:bob@h", aor);
        assert_eq!(
            (sent.uri(), sent.header("X-Hit"), sent.header("X-On")),
            ("sip:bob@h", "", ""),
            "{aor}"
        );
    }
}

#[test]
fn parameters_that_cannot_work_are_refused() {
    for (param, text) in [
        ("\"save_nat_flag\", 32", "message flag 32 too high"),
        ("\"load_nat_flag\", -2", "load_nat_flag -2"),
        (
            "\"default_expires\", -1",
            "default_expires must not be negative",
        ),
        (
            "\"reply_code_attr\", \"code\"",
            "reply_code_attr must begin with $",
        ),
    ] {
        let load = crate::scene::load(&["sl", "usrloc", "registrar"]);
        let config = format!("{load}modparam(\"registrar\", {param})\nroute {{ drop; }}\n");
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{param}: {said}");
    }
    let alone = format!("{}route {{ drop; }}\n", crate::scene::load(&["registrar"]));
    let output = crate::common::Setup::with_config(&alone).output(&["-D", "-D", "-E"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("module sl must be loaded before registrar"),
        "{said}"
    );
}
