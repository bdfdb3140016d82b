//! `modparam`: which modules a line means, types, and flags by their names.

use crate::common::Setup;
use crate::scene::{Scene, load};

fn check(config: &str) -> (Option<i32>, String) {
    let output = Setup::with_config(config).output(&["-c"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_line_means_every_module_whose_whole_name_matches_in_any_case() {
    let config = |name: &str, param: &str| {
        let both = load(&["probe_first", "probe_second", "sl"]);
        format!("{both}modparam(\"{name}\", {param})\nroute {{ drop; }}\n")
    };
    for good in [
        "probe_first",
        "PROBE_first",
        "probe_.*",
        "probe_first|probe_second",
    ] {
        let (status, said) = check(&config(good, "\"number\", 1"));
        assert_eq!(status, Some(0), "{good}: {said}");
    }
    for (name, param, text) in [
        ("probe", "\"number\", 1", "no module probe is loaded"),
        ("(", "\"number\", 1", "bad module name"),
        ("probe_.*", "\"numbre\", 1", "has no numbre"),
        (
            "probe_.*",
            "\"number\", \"1\"",
            "number of probe_second is a number",
        ),
        (
            "sl",
            "\"default_reason\", 1",
            "default_reason of sl is a string",
        ),
        // Not every module that it means has it.
        ("probe_first|sl", "\"number\", 1", "module sl has no number"),
    ] {
        let (status, said) = check(&config(name, param));
        assert_eq!(status, Some(255), "{name} {param}: {said}");
        assert!(said.contains("Can't set module parameter"), "{said}");
        assert!(said.contains(text), "{text}: {said}");
        assert!(said.contains("ser.cfg:4:"), "line and column: {said}");
    }
}

#[test]
fn a_function_that_takes_a_parameter_runs_at_the_start_and_not_for_a_check() {
    let config = |value: i32| {
        format!(
            "{}modparam(\"probe_first\", \"picky\", {value})\nroute {{ drop; }}\n",
            load(&["probe_first"])
        )
    };
    let (status, said) = check(&config(-1));
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("picky -1"), "{said}");
    let output = Setup::with_config(&config(-1)).output(&["-D", "-D", "-E"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(255), "{said}");
    assert!(
        said.contains("picky of probe_first: it must not be negative"),
        "{said}"
    );
}

#[test]
fn a_flag_is_a_number_a_known_name_or_a_new_one() {
    let run = |lines: &str, flag: &str, script: &str| {
        let script = format!(
            "{lines}modparam(\"probe_first\", \"flag\", {flag})\nroute {{ {script} sl_send_reply(\"200\", \"OK\"); }}"
        );
        let scene = Scene::new(&["sl", "probe_first"], &script);
        let log = scene.log();
        let line = log
            .lines()
            .find_map(|l| l.split_once(": init number=0 flag="))
            .expect("init tells");
        line.1.to_owned()
    };
    assert_eq!(run("", "3", ""), "3");
    assert_eq!(run("", "\"3\"", ""), "3");
    assert_eq!(run("flags known:9\n", "\"known\"", ""), "9");
    // A new name is declared: by the first free number, or by its own.
    assert_eq!(run("flags other:0\n", "\"fresh\"", "setflag(fresh);"), "1");
    assert_eq!(run("", "\"fresh:7\"", "setflag(fresh);"), "7");
    // A known name keeps its number.
    assert_eq!(run("flags known:9\n", "\"known:4\"", ""), "9");
    for (flag, text) in [
        ("32", "message flag 32 too high; MAX=31"),
        ("\"x:32\"", "message flag 32 too high; MAX=31"),
        ("\"x:y\"", "bad message flag"),
        ("\"a b\"", "bad message flag"),
    ] {
        let config = format!(
            "{}modparam(\"probe_first\", \"flag\", {flag})\nroute {{ drop; }}\n",
            load(&["probe_first"])
        );
        let (status, said) = check(&config);
        assert_eq!(status, Some(255), "{said}");
        assert!(said.contains(text), "{flag}: {said}");
    }
}
