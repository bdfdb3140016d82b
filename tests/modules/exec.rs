//! Module `exec`.

use crate::scene::Scene;

/// Answers 201 if `call` was true and else what the error number says.
fn judging(call: &str, params: &str) -> String {
    format!(
        "{params} route {{ if ({call}) {{ sl_send_reply(\"201\", \"yes\"); drop; }} sl_reply_error(); }}"
    )
}

fn scene(call: &str, params: &str) -> Scene {
    Scene::new(&["sl", "exec"], &judging(call, params))
}

#[test]
fn a_command_gets_the_request_as_it_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("message");
    let scene = scene(&format!("exec_msg(\"cat > {}\")", file.display()), "");
    let body = "x".repeat(30_000);
    let more = format!("X-A: 1\n\n{body}");
    assert_eq!(
        scene.ask("MESSAGE", "sip:a@h", &more).status(),
        "201 yes",
        "{}",
        scene.log()
    );
    let got = std::fs::read_to_string(&file).expect("it was written");
    assert!(got.starts_with("MESSAGE sip:a@h SIP/2.0\r\n"), "{got}");
    assert!(got.ends_with(&body), "all of it");
}

#[test]
fn the_exit_status_is_what_the_script_sees_and_unread_input_is_no_error() {
    const ERROR: &str = "500 Error in external logic";
    for (command, status) in [
        ("true", "201 yes"),
        ("exec true <&-", "201 yes"),
        ("exit 3", ERROR),
        ("kill -9 $$", ERROR),
        ("/nowhere/at/all 2>&-", ERROR),
    ] {
        let scene = scene(&format!("exec_msg(\"{command}\")"), "");
        let body = format!("\n{}", "x".repeat(30_000));
        let answer = scene.ask("MESSAGE", "sip:a@h", &body);
        let said = answer.status();
        assert!(said.starts_with(status), "{command}: {said}");
    }
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_what_it_has_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let call = format!(
        "exec_msg(\"sleep 1000 & echo $! > {}; wait\")",
        file.display()
    );
    let scene = scene(&call, "modparam(\"exec\", \"time_to_kill\", 1)");
    let answer = scene.ask("MESSAGE", "sip:a@h", "");
    assert!(answer.status().starts_with("500"), "{answer:?}");
    assert!(
        scene.log().contains("killed after time_to_kill"),
        "{}",
        scene.log()
    );
    let pid = std::fs::read_to_string(&file).expect("a pid");
    // A zombie until whoever is its parent now has waited for it.
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    let lives = || state().is_ok_and(|stat| stat.contains("(sleep)") && !stat.contains(") Z"));
    let end = std::time::Instant::now() + crate::common::PATIENCE;
    while lives() {
        assert!(std::time::Instant::now() < end, "sleep still runs");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn variables_tell_of_the_request_unless_they_are_switched_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("env");
    let call = format!("exec_msg(\"env > {}\")", file.display());
    let env = |params: &str| {
        let scene = Scene::new(
            &["sl", "exec"],
            &format!(
                "{params} route {{ rewriteuri(\"sip:new@h\"); {call}; sl_send_reply(\"201\", \"yes\"); }}"
            ),
        );
        let more = "To: <sip:b@b>;tag=tt\nX-My.List: one\nx-my.list: $(two)\ni: short";
        assert_eq!(
            scene.ask("MESSAGE", "sip:old@h", more).status(),
            "201 yes",
            "{}",
            scene.log()
        );
        std::fs::read_to_string(&file).expect("it was written")
    };
    let all = env("");
    for line in [
        "SIP_HF_X_MY_LIST=one,$(two)",
        "SIP_HF_CALLID=short",
        "SIP_HF_CSEQ=7 MESSAGE",
        "SIP_SRCIP=127.0.0.1",
        "SIP_RURI=sip:new@h",
        "SIP_USER=new",
        "SIP_ORUI=sip:old@h",
        "SIP_OUSER=old",
        "SIP_DID=tt",
    ] {
        assert!(all.lines().any(|l| l == line), "{line} in {all}");
    }
    let id = all.lines().find_map(|line| line.strip_prefix("SIP_TID="));
    assert_eq!(id.map(str::len), Some(32), "{all}");
    assert!(!env("modparam(\"exec\", \"setvars\", 0)").contains("SIP_"));
}

#[test]
fn what_a_command_writes_are_destinations() {
    let scene = Scene::new(
        &["exec"],
        "route { exec_dset(\"printf 'sip:one@h \\n\\nsip:two@h\\nsip:three@h\\n' #\"); forward(@NEXT@); }",
    );
    assert_eq!(scene.relay("MESSAGE", "sip:a@h", "").uri(), "sip:one@h");
}

#[test]
fn further_destinations_are_branches() {
    let scene = Scene::new(
        &["sl", "exec"],
        "route { exec_dset(\"printf 'sip:one@h\\nsip:two@h\\n' #\"); sl_send_reply(\"302\", \"Moved\"); }",
    );
    let answer = scene.ask("MESSAGE", "sip:a@h", "");
    let contact = answer.all("Contact").join(",");
    assert!(contact.contains("sip:one@h"), "{answer:?}");
    assert!(contact.contains("sip:two@h"), "{answer:?}");
}

#[test]
fn the_request_uri_is_one_argument_and_never_a_command() {
    let scene = Scene::new(
        &["exec"],
        "route { exec_dset(\"printf '%s;last\\n'\"); forward(@NEXT@); }",
    );
    let uri = "sip:a'$(id)`id`;x=1|exit@h";
    let got = scene.relay("MESSAGE", uri, "");
    assert_eq!(got.uri(), format!("{uri};last"), "{}", scene.log());
}

#[test]
fn a_list_that_is_none_changes_nothing() {
    for command in [
        "true",
        "printf 'sip:x@h\\n'; exit 1 #",
        "printf 'sip:x@h SIP/2.0\\n' #",
        "printf 'sip:x@h\\rInjected: 1\\n' #",
        "yes sip:x@h #",
    ] {
        let script = format!(
            "route {{ if (exec_dset(\"{command}\")) {{ rewriteuri(\"sip:wrong@h\"); }} forward(@NEXT@); }}"
        );
        let scene = Scene::new(&["exec"], &script);
        let got = scene.relay("MESSAGE", "sip:a@h", "");
        assert_eq!(got.uri(), "sip:a@h", "{command}");
    }
}

#[test]
fn time_in_commands_is_counted_as_blocked_in_exec() {
    let scene = Scene::new(
        &["ctl", "sl", "exec"],
        "modparam(\"ctl\", \"binrpc\", \"unixs:@RPC@.bin\") modparam(\"ctl\", \"fifo\", \"unixs:@RPC@\")
         route { exec_msg(\"sleep 0.05\"); sl_send_reply(\"201\", \"yes\"); }",
    );
    let blocked = || -> u64 {
        let lines = scene.rpc("core.workers", &[]);
        let of = |field: &str| field.strip_prefix("blocked_exec_us:")?.parse().ok();
        let all: Vec<u64> = lines
            .iter()
            .flat_map(|line| line.split(','))
            .filter_map(of)
            .collect();
        assert!(!all.is_empty(), "{lines:?}");
        all.iter().sum()
    };
    assert_eq!(blocked(), 0);
    assert_eq!(scene.ask("MESSAGE", "sip:a@h", "").status(), "201 yes");
    assert!(blocked() >= 50_000);
}
