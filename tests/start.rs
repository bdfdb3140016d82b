//! Starts that fail leave nothing and say why once; what a start that succeeds has set up.

mod common;

use common::{Setup, Tree, is_root, load, wait_until};
use std::process::Output;

const MODES: [&[&str]; 4] = [&[], &["-D", "-D"], &["-D", "-D", "-E"], &["-D"]];

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a start that must fail in every mode: `why` is told once.
fn refused(config: &str, options: &[&str], modes: &[&[&str]], why: &str) {
    for mode in modes {
        let setup = Setup::with_config(config);
        let pid_file = setup.path("pid");
        let mut all = vec!["-P", pid_file.to_str().unwrap()];
        all.extend_from_slice(options);
        all.extend_from_slice(mode);
        let output = setup.output(&all);
        let err = stderr(&output);
        let started = setup.processes().into_iter().map(Tree::of);
        let _ends_with_the_test: Vec<_> = started.collect();
        assert_eq!(output.status.code(), Some(255), "{mode:?}: {err}");
        assert_eq!(err.matches(why).count(), 1, "{mode:?}: {err}");
        assert!(!pid_file.exists(), "{mode:?}");
        wait_until("no process is left", || setup.processes().is_empty());
    }
}

fn testmod(modparam: &str) -> String {
    let module = load(&["testmod"]);
    format!("{module}modparam(\"testmod\", {modparam})\nroute {{ drop; }}\n")
}

#[test]
fn a_module_that_fails_or_panics_in_init_is_named() {
    let fails = "init of module testmod failed: told to fail";
    refused(&testmod("\"fail_init\", 1"), &[], &MODES, fails);
    let panics = "init of module testmod panicked";
    refused(&testmod("\"panic_init\", 1"), &[], &MODES, panics);
}

#[test]
fn a_fixup_that_panics_is_named_with_its_line() {
    let config = format!("{}route {{ test_fixup_panics(); }}\n", load(&["testmod"]));
    let why = "line 2: test_fixup_panics: its fixup panicked";
    refused(&config, &[], &MODES, why);
}

#[test]
fn a_child_init_that_fails_is_told_with_process_and_module() {
    let receiver = "child_init(1) of module testmod failed: told to fail";
    refused(&testmod("\"fail_rank\", 1"), &[], &MODES, receiver);
    let timer = "timer: child_init(-1) of module testmod failed: told to fail";
    refused(&testmod("\"fail_rank\", -1"), &[], &MODES, timer);
    let attendant = "child_init(0) of module testmod failed: told to fail";
    refused(&testmod("\"fail_rank\", 0"), &[], &MODES[..3], attendant);
}

#[test]
fn a_child_init_that_panics_fails_the_start() {
    let why = "child_init(1) of module testmod panicked";
    refused(&testmod("\"panic_rank\", 1"), &[], &MODES, why);
}

#[test]
fn more_processes_than_there_can_be_are_refused() {
    for children in ["600", "1000", "70000", "4000000000"] {
        refused(
            "route { drop; }\n",
            &["-n", children],
            &MODES[..2],
            "processes",
        );
    }
}

#[test]
fn what_cannot_be_used_on_the_command_line_is_told_once() {
    let config = "route { drop; }\n";
    for (options, why) in [
        (
            &["-l", "udp:no-such-host.invalid:5060"][..],
            "no-such-host.invalid",
        ),
        (
            &["-l", "a:b:c:d"],
            "bad -l address specifier: a:b:c:d: too many colons",
        ),
        (&["-w", "/no/such/directory"], "/no/such/directory"),
        (&["-t", "/no/such/directory"], "/no/such/directory"),
        (&["-W", "bogus"], "bad poll method name: -W bogus"),
        (&["-N", "x"], "bad process number: -N x"),
        (&["-m", "1G"], "bad shmem size number: -m 1G"),
        (&["-P", "/no/such/directory/pid"], "/no/such/directory/pid"),
    ] {
        // Without forks there is neither another directory nor a pid file.
        refused(config, options, &MODES[..3], why);
    }
}

#[test]
fn a_config_that_cannot_be_read_or_is_wrong_is_told() {
    let setup = Setup::with_config("route { nonsense(); }\n");
    let output = setup.output(&["-D", "-D"]);
    assert_eq!(output.status.code(), Some(255));
    let err = stderr(&output);
    assert!(err.contains("ser.cfg:1:9"), "{err}");
    assert!(err.contains("ERROR: bad config file (1 errors)"), "{err}");
    let output = setup.output(&["-f", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(255));
    let text = "ERROR: loading config file(/no/such/file): No such file or directory";
    assert!(stderr(&output).starts_with(text), "{}", stderr(&output));
}

#[test]
fn an_address_that_somebody_else_uses_is_refused() {
    let setup = Setup::new();
    let other = std::net::UdpSocket::bind(setup.addr()).unwrap();
    let output = setup.output(&["-D", "-D"]);
    assert_eq!(output.status.code(), Some(255));
    let err = stderr(&output);
    let text = format!("bind(127.0.0.1:{}): Address already in use", setup.port);
    assert_eq!(err.matches(&text).count(), 1, "{err}");
    drop(other);
}

#[test]
fn an_address_that_becomes_free_is_waited_for() {
    let setup = Setup::new();
    let other = std::net::UdpSocket::bind(setup.addr()).unwrap();
    let server = std::thread::scope(|scope| {
        let starting = scope.spawn(|| setup.foreground(&["-D", "-D", "-E"]));
        wait_until("the server is started", || !setup.processes().is_empty());
        drop(other);
        starting.join().unwrap()
    });
    assert_eq!(server.tree.children().len(), 4);
}

fn limit_of(pid: i32, name: &str) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|l| l.starts_with(name)).unwrap();
    line[name.len()..]
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn limits_of_files_and_cores_are_those_of_the_config() {
    let config = "open_files_limit=2345\ndisable_core_dump=yes\nroute { drop; }\n";
    let setup = Setup::with_config(config);
    let mut command = setup.command(&["-D", "-D", "-E"]);
    // Below what the config asks for.
    few_files(&mut command);
    let server = setup.start(command);
    for process in server.tree.children().iter().chain([&server.tree.root()]) {
        assert_eq!(limit_of(process.pid, "Max core file size"), "0");
        assert_eq!(limit_of(process.pid, "Max open files"), "2345");
    }
}

/// The server starts with room for 100 files.
fn few_files(command: &mut std::process::Command) {
    let ser = command.get_program().to_owned();
    let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    *command = std::process::Command::new("/bin/sh");
    command.args(["-c", "ulimit -S -n 100; exec \"$@\"", "sh"]);
    command.arg(ser).args(args);
}

#[test]
fn a_limit_of_files_that_cannot_be_had_fails_the_start() {
    let config = "open_files_limit=2000000000\nroute { drop; }\n";
    refused(config, &[], &MODES, "could not increase file limits");
}

#[test]
fn cores_are_allowed_unless_the_config_forbids_them() {
    let setup = Setup::new();
    let server = setup.foreground(&["-D", "-D", "-E"]);
    assert_ne!(limit_of(server.tree.attendant(), "Max core file size"), "0");
}

#[test]
fn a_server_that_changed_its_user_may_leave_a_core() {
    if !is_root() {
        eprintln!("not root: the user cannot be changed");
        return;
    }
    let setup = Setup::new();
    let server = setup.foreground(&["-D", "-D", "-E", "-u", "nobody"]);
    for process in server.tree.children() {
        // The files in /proc of a process that may not be dumped belong to root.
        let meta = std::fs::metadata(format!("/proc/{}/status", process.pid)).unwrap();
        let owner = std::os::unix::fs::MetadataExt::uid(&meta);
        assert_eq!(owner, 65534, "{process:?}");
    }
}

#[test]
fn fork_no_in_the_config_is_the_mode_without_forks_and_the_command_line_wins() {
    let setup = Setup::with_config("fork=no\nroute { drop; }\n");
    let server = setup.foreground(&["-E"]);
    let desc = format!("stand-alone receiver @ 127.0.0.1:{}", setup.port);
    assert_eq!(server.tree.root().desc(), desc);
    drop(server);
    let setup = Setup::with_config("fork=no\nroute { drop; }\n");
    let server = setup.foreground(&["-D", "-D", "-E"]);
    assert_eq!(server.tree.root().desc(), "attendant");
}

#[test]
fn children_are_per_socket_and_ranks_count_over_all_of_them() {
    let config = format!("{}children=3\n", testmod("\"tell_ranks\", 1"));
    let setup = Setup::with_config(&config);
    let second = format!("udp:127.0.0.2:{}", setup.port);
    let mut command = std::process::Command::new(common::ser());
    command
        .arg("-f")
        .arg(setup.path("ser.cfg"))
        .args(["-D", "-D", "-E"]);
    command.args([
        "-l",
        &format!("udp:127.0.0.1:{}", setup.port),
        "-l",
        &second,
    ]);
    let server = setup.start(command);
    let port = setup.port;
    let mut wanted = Vec::new();
    for ip in ["127.0.0.1", "127.0.0.2"] {
        wanted.extend((0..3).map(|i| format!("receiver child={i} sock={ip}:{port}")));
    }
    wanted.extend(["slow timer".into(), "timer".into()]);
    let children = server.tree.children();
    let descs: Vec<_> = children.iter().map(|p| p.desc().to_owned()).collect();
    assert_eq!(descs, wanted);
    let err = setup.read("err");
    let told = |rank: i32| err.matches(&format!("TEST: child_init {rank}\n")).count();
    let counts: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 7, -1].map(told).into();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 1, 0, 2], "{err}");
}
