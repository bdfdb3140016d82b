//! The loader: where modules are looked for, why one is refused, and when their functions run.

use crate::common::{Setup, module, modules_dir, wait_until};
use crate::scene::{Scene, load, receive};
use ser::core::module::version::{FLAGS, FULL_VERSION};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `-c` says of a config, and its exit status.
fn check(config: &str) -> (Option<i32>, String) {
    let output = Setup::with_config(config).output(&["-c"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

fn assert_refused(config: &str, texts: &[&str]) {
    let (status, said) = check(config);
    assert_eq!(status, Some(255), "{said}");
    for text in texts {
        assert!(said.contains(text), "{text}: {said}");
    }
}

fn load_path(path: &Path) -> String {
    format!("loadmodule \"{}\"\nroute {{ drop; }}\n", path.display())
}

/// Compiles a library from C into `folder`.
fn compile(folder: &Path, name: &str, source: &str) -> PathBuf {
    let (c, so) = (
        folder.join(format!("{name}.c")),
        folder.join(format!("{name}.so")),
    );
    std::fs::write(&c, source).expect("the source is written");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&so)
        .arg(&c)
        .status();
    assert!(status.expect("cc is there").success());
    so
}

/// A module in C with these two texts, and an `exports` that is no core's.
fn c_module(version: &str, flags: &str) -> String {
    format!(
        "const char *module_version = \"{version}\";\nconst char *module_flags = \"{flags}\";\n\
         static char core;\nstruct {{ const char *id; unsigned long len; char *core; const char *name; unsigned long n; void *rest[16]; }}\n\
         exports = {{ \"x\", 1, &core, \"c\", 1 }};\n"
    )
}

#[test]
fn names_are_looked_for_in_the_folders_of_mpath_and_beside_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let nested = folder.path().join("sl");
    std::fs::create_dir(&nested).expect("a folder in it");
    std::os::unix::fs::symlink(module("sl"), nested.join("sl.so")).expect("a link");
    std::os::unix::fs::symlink(module("xlog"), folder.path().join("xlog.so")).expect("a link");
    let script = "loadmodule \"sl\"\nloadmodule \"xlog.so\"\nloadmodule \"maxfwd\"\nroute { sl_send_reply(\"200\", \"OK\"); }\n";
    let (status, said) = check(&format!(
        "mpath=\"/nowhere:{}/\"\n{script}",
        folder.path().display()
    ));
    assert_eq!(status, Some(0), "{said}");
    // A path without its ending, and the folder of a source tree.
    let stem = modules_dir().join("libsl");
    let (status, said) = check(&load_path(&stem));
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = check(&load_path(&nested));
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn each_kind_of_wrong_module_is_refused_in_its_own_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str, source: &str| load_path(&compile(folder.path(), name, source));
    assert_refused(
        &load_path(Path::new("/nowhere/sl.so")),
        &[
            "failed to load module",
            "could not open module </nowhere/sl.so>: no such file",
        ],
    );
    let text = folder.path().join("text.so");
    std::fs::write(&text, "not a library").expect("it is written");
    assert_refused(
        &load_path(&text),
        &["could not open module", "file too short"],
    );
    assert_refused(
        &at("none", "int x;"),
        &["is not a module of this server: it has no symbol module_version"],
    );
    let null = "const char *module_version = 0;";
    assert_refused(&at("null", null), &["it has no symbol module_version"]);
    let no_flags = format!("const char *module_version = \"{FULL_VERSION}\";");
    assert_refused(
        &at("noflags", &no_flags),
        &["it has no symbol module_flags"],
    );
    let no_exports = format!("{no_flags}\nconst char *module_flags = \"{FLAGS}\";");
    assert_refused(&at("noexports", &no_exports), &["it has no symbol exports"]);
    let other_version = c_module("ser 2.1.0-dev1 OpenIMSCore (x86_64/linux)", "STATS: Off");
    assert_refused(
        &at("version", &other_version),
        &[
            "module version mismatch for",
            "module: ser 2.1.0-dev1 OpenIMSCore",
            FULL_VERSION,
        ],
    );
    let other_build = c_module(FULL_VERSION, "USE_IPV6, BUILD_ID=0123");
    assert_refused(
        &at("build", &other_build),
        &[
            "module compile flags mismatch for",
            "BUILD_ID=0123",
            "build the server and its modules together",
        ],
    );
    let own_core = c_module(FULL_VERSION, FLAGS);
    assert_refused(
        &at("owncore", &own_core),
        &["carries its own copy of the core"],
    );
    assert_refused(
        "loadmodule \"/usr/lib/ser/modules/extcmd.so\"\nroute { drop; }\n",
        &["module extcmd does not exist any more", "module exec"],
    );
}

#[test]
fn a_module_is_loaded_once_whatever_its_file_is_called() {
    let sl = module("sl");
    let again = format!("{}{}", load(&["sl"]), load_path(&sl));
    assert_refused(
        &again,
        &[
            "attempting to load the same module twice",
            "sl is loaded from",
        ],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.so");
    std::fs::copy(&sl, &copy).expect("a copy");
    let copied = format!("{}{}", load(&["sl"]), load_path(&copy));
    assert_refused(
        &copied,
        &[
            "attempting to load the same module twice",
            "copy.so",
            "sl is loaded from",
        ],
    );
}

#[test]
fn nothing_else_is_reported_where_a_module_is_missing() {
    let config =
        "loadmodule \"/nowhere/tm.so\"\nmodparam(\"tm\", \"fr_timer\", 3)\nroute { t_relay(); }\n";
    assert_refused(config, &["(1 errors)"]);
}

#[test]
fn functions_run_at_their_time_and_in_their_order() {
    let script = format!(
        "{}modparam(\"probe_.*\", \"number\", 5)\nroute {{ if (uri=~\"^sip:zero\") {{ probe_zero(); }} forward(@NEXT@); }}\n",
        load(&["probe_second"])
    );
    let scene = Scene::new(&["probe_first"], &script);
    let lines = |what: &str| -> Vec<String> {
        let log = scene.log();
        let all = log
            .lines()
            .filter_map(|l| l.split_once("probe_").map(|(_, rest)| rest.trim()));
        all.filter(|l| l.contains(what))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        lines("init number"),
        [
            "first: init number=5 flag=-1",
            "second: init number=5 flag=-1"
        ]
    );
    // Receiver, slow timer, timer, dns resolver, attendant; in each the first loaded comes first.
    // A receiver may still be at it when the attendant has its title.
    let of_rank = |rank: &str| -> Vec<String> {
        let ranks = lines("child_init").into_iter();
        ranks
            .filter(|l| l.ends_with(&format!("child_init {rank}")))
            .collect()
    };
    for (rank, processes) in [("1", 1), ("0", 1), ("-1", 3)] {
        wait_until("all processes are there", || {
            of_rank(rank).len() == 2 * processes
        });
        assert!(of_rank(rank)[0].starts_with("first"), "{:?}", of_rank(rank));
    }
    // A script that ends with 0 tells the newest first; one that does not tells nobody.
    scene.relay("OPTIONS", "sip:x@h", "");
    assert_eq!(lines("onbreak"), [""; 0]);
    scene.send("OPTIONS", "sip:zero@h", "");
    wait_until("onbreak ran", || lines("onbreak").len() == 2);
    assert_eq!(lines("onbreak"), ["second: onbreak", "first: onbreak"]);
    // A reply goes to the newest first, and to nobody else when that takes it.
    let reply = |status: u16| {
        let sent = scene.relay("OPTIONS", "sip:x@h", "");
        let head = sent.0.split("\r\n\r\n").next().expect("headers");
        let headers = head.split_once("\r\n").expect("lines").1;
        let text = format!("SIP/2.0 {status} X\r\n{headers}\r\n\r\n");
        scene
            .next_hop
            .send_to(text.as_bytes(), scene.server())
            .expect("it is sent");
    };
    reply(200);
    assert_eq!(receive(&scene.client).status(), "200 X");
    assert_eq!(lines("response"), ["second: response", "first: response"]);
    reply(299);
    wait_until("the reply is taken", || lines("response").len() == 3);
    assert_eq!(lines("response")[2], "second: response");
    let setup = scene.stop();
    let log = setup.read("err");
    let ends: Vec<&str> = log.lines().filter(|l| l.contains(": destroy")).collect();
    assert_eq!(ends.len(), 2, "only the attendant destroys: {log}");
    assert!(
        ends[0].contains("probe_second") && ends[1].contains("probe_first"),
        "{ends:?}"
    );
}

#[test]
fn the_last_loaded_wins_and_numbers_of_arguments_make_different_functions() {
    let script = format!(
        "{}route {{ probe(); if ($?==8) {{ sl_send_reply(\"208\", \"second\"); }} else {{ sl_send_reply(\"207\", \"first\"); }}\n\
         probe(\"text\"); probe_var(\"$c\"); $c = 5; probe_var(\" $c \"); probe_var(\"@ruri.user\"); probe_var(12); }}\n",
        load(&["probe_second"])
    );
    let scene = Scene::new(&["sl", "probe_first"], &script);
    assert_eq!(scene.ask("OPTIONS", "sip:me@h", "").status(), "208 second");
    wait_until("the arguments are told", || {
        scene.log().contains("argument [12]")
    });
    let log = scene.log();
    for text in [
        "probe_second: argument [text]",
        "argument [<none>]",
        "argument [5]",
        "argument [me]",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }
    let loads = load(&["probe_first"]);
    assert_refused(
        &format!("{loads}route {{ probe(\"a\", \"b\"); }}\n"),
        &["unknown command, missing loadmodule? probe with 2 arguments: it takes 0 or 1"],
    );
    assert_refused(
        &format!("{loads}route {{ Probe(); }}\n"),
        &["unknown command, missing loadmodule? Probe"],
    );
}

#[test]
fn an_init_that_fails_ends_the_start_with_its_reason() {
    let config = format!(
        "{}modparam(\"probe_first\", \"number\", 13)\nroute {{ drop; }}\n",
        load(&["probe_first"])
    );
    let output = Setup::with_config(&config).output(&["-D", "-D", "-E"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(255), "{said}");
    assert!(
        said.contains("init of module probe_first failed: 13 brings no luck"),
        "{said}"
    );
}
