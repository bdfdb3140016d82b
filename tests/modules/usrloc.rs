//! Module `usrloc` as far as it is seen without remote control: attributes kept with contacts, order, expiry.

use crate::common::wait_until;
use crate::scene::Scene;

#[test]
fn attributes_with_the_flag_come_back_with_the_contact() {
    let scene = Scene::new(
        &["sl", "usrloc", "registrar", "textops", "xlog"],
        "avpflags kept\nmodparam(\"usrloc\", \"reg_avp_flag\", \"kept\")\n\
         route {\n if (method==\"REGISTER\") { $tu.lang = \"de\"; setavpflag($tu.lang, kept); $tu.n = 5; setavpflag($tu.n, kept);\n\
         $tu.other = \"x\"; save(\"location\"); drop; }\n\
         lookup(\"location\");\n if (read_reg_avps(\"location\", \"$t.uid\")) { append_hf(\"X-Found: %$t.lang %$t.n %$t.other\\r\\n\"); }\n\
         forward(@NEXT@); }",
    );
    let saved = scene.ask("REGISTER", "sip:@ME@", "Contact: <sip:bob@1.2.3.4>");
    assert_eq!(saved.status(), "200 OK");
    let sent = scene.relay("INVITE", "sip:bob@@ME@", "");
    assert_eq!(
        (sent.uri(), sent.header("X-Found")),
        ("sip:bob@1.2.3.4", "de 5 <null>")
    );
}

#[test]
fn contacts_are_added_shown_and_taken_away_by_remote_control() {
    let scene = Scene::new(
        &["sl", "usrloc", "registrar", "ctl"],
        "modparam(\"ctl\", \"fifo\", \"unixs:@RPC@\")\n\
         route { if (method==\"REGISTER\") { save(\"location\"); drop; }\n\
         if (lookup(\"location\")) { forward(@NEXT@); } else { sl_send_reply(\"404\", \"Nobody\"); } }",
    );
    let add = ["location", "bob", "sip:a@h", "100", "0.5", "0"];
    assert_eq!(scene.rpc("usrloc.add_contact", &add), ["200 OK"]);
    assert_eq!(scene.relay("INVITE", "sip:bob@h", "").uri(), "sip:a@h");
    scene.ask("REGISTER", "sip:@ME@", "Contact: <sip:b@h>");
    let shown = scene.rpc("usrloc.show_contacts", &["location", "bob"]);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(
        shown[1].contains("q:0.500000") && shown[2].contains("q:-1.000000"),
        "{shown:?}"
    );
    let stats = scene.rpc("usrloc.stats", &[]);
    assert_eq!(stats[1], "expired:0,users:1,domain:location");
    assert_eq!(scene.rpc("usrloc.dump", &[]).len(), 3);
    let delete = ["location", "bob", "sip:a@h"];
    assert_eq!(scene.rpc("usrloc.delete_contact", &delete), ["200 OK"]);
    assert_eq!(
        scene.rpc("usrloc.delete_contact", &delete),
        ["404 Contact Not Found"]
    );
    assert_eq!(
        scene.rpc("usrloc.delete_uid", &["location", "bob"]),
        ["200 OK"]
    );
    assert_eq!(scene.ask("INVITE", "sip:bob@h", "").status(), "404 Nobody");
    assert_eq!(
        scene.rpc("usrloc.show_contacts", &["location", "bob"]),
        ["404 AOR Not Found"]
    );
    assert_eq!(
        scene.rpc("usrloc.show_contacts", &["nowhere", "bob"]),
        ["400 Table Not Found"]
    );
    assert_eq!(scene.rpc("usrloc.flush", &[]), ["200 OK"]);
}

#[test]
fn contacts_stand_by_preference_or_by_time() {
    let contacts = |params: &str| {
        let script = format!("{params}route {{ save(\"location\"); }}");
        let scene = Scene::new(&["sl", "usrloc", "registrar"], &script);
        for contact in ["<sip:a@h>;q=0.5", "<sip:b@h>;q=0.9", "<sip:c@h>;q=0.5"] {
            scene.ask("REGISTER", "sip:@ME@", &format!("Contact: {contact}"));
        }
        let list = scene
            .ask("REGISTER", "sip:@ME@", "")
            .header("Contact")
            .to_owned();
        let users = list.split("<sip:").skip(1).map(|c| c[..1].to_owned());
        users.collect::<String>()
    };
    assert_eq!(contacts(""), "bac");
    assert_eq!(
        contacts("modparam(\"usrloc\", \"desc_time_order\", 1)\n"),
        "cba"
    );
}

#[test]
fn the_timer_takes_away_what_has_expired() {
    let scene = Scene::new(
        &["sl", "usrloc", "registrar"],
        "debug=2\nmodparam(\"usrloc\", \"timer_interval\", 1)\nmodparam(\"registrar\", \"min_expires\", 1)\n\
         route { save(\"location\"); }",
    );
    scene.ask("REGISTER", "sip:@ME@", "Contact: <sip:a@h>;expires=1");
    wait_until("the contact expires", || {
        scene.log().contains("Binding 'bob','sip:a@h' has expired")
    });
    assert_eq!(scene.ask("REGISTER", "sip:@ME@", "").header("Contact"), "");
}

#[test]
fn parameters_that_cannot_work_are_refused() {
    for (param, text) in [
        ("\"db_mode\", 1", "needs a database driver"),
        ("\"db_mode\", 4", "it is 0, 1, 2 or 3"),
        ("\"timer_interval\", 0", "at least 1 second"),
        ("\"reg_avp_flag\", \"nope\"", "avpflag not declared: nope"),
    ] {
        let load = crate::scene::load(&["usrloc"]);
        let config = format!("{load}modparam(\"usrloc\", {param})\nroute {{ drop; }}\n");
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{param}: {said}");
    }
}
