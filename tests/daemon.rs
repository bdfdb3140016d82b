//! The life of the daemon, seen from outside: starts, modes, files, signals, stops.

mod common;

use common::{Setup, is_root, read_pid, tree::is_alive, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Output, Stdio};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn descs(tree: &common::Tree) -> Vec<String> {
    let children = tree.children();
    children.iter().map(|p| p.desc().to_owned()).collect()
}

#[test]
fn help_and_version_are_printed_and_succeed() {
    let setup = Setup::new();
    let help = setup.output(&["-h"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).starts_with("version: ser "), "{help:?}");
    let version = setup.output(&["-V"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(stdout(&version).contains("\nflags: "), "{version:?}");
}

#[test]
fn an_unknown_option_is_named_and_fails() {
    let output = Setup::new().output(&["-s"]);
    assert_eq!(output.status.code(), Some(255));
    let text = "Unknown option `-s. Use -h for help.\n";
    assert_eq!(stderr(&output), text);
}

#[test]
fn a_good_config_passes_the_check_with_status_0() {
    let setup = Setup::new();
    let output = setup.output(&["-c"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).ends_with("config file ok, exiting...\n"));
    let block = stdout(&output);
    let line = format!("             udp: 127.0.0.1 [127.0.0.1]:{}\n", setup.port);
    assert!(
        block.starts_with(&format!("Listening on \n{line}Aliases: \n")),
        "{block}"
    );
    assert!(block.ends_with("\n\n"), "{block:?}");
}

#[test]
fn ps_shows_the_tree_with_the_command_line_in_every_process() {
    let setup = Setup::new();
    let server = setup.foreground(&["-D", "-D", "-E"]);
    let sock = format!("sock=127.0.0.1:{}", setup.port);
    assert_eq!(
        descs(&server.tree),
        [
            format!("receiver child=0 {sock}"),
            format!("receiver child=1 {sock}"),
            "slow timer".into(),
            "timer".into(),
        ]
    );
    let typed = format!("/ser -f {}", setup.path("ser.cfg").display());
    for process in server.tree.children().iter().chain([&server.tree.root()]) {
        assert!(process.args.contains(&typed), "{process:?}");
    }
}

#[test]
fn a_stop_leaves_no_process_and_says_thanks_last() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let setup = Setup::new();
        let mut server = setup.foreground(&["-D", "-D", "-E"]);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        server.tree.wait_gone();
        let err = setup.read("err");
        assert!(err.ends_with("Thank you for flying ser\n"), "{err}");
    }
}

#[test]
fn the_foreground_writes_a_pid_file_and_removes_it() {
    let setup = Setup::new();
    let pid_file = setup.path("pid");
    let mut server = setup.foreground(&["-D", "-D", "-E", "-P", pid_file.to_str().unwrap()]);
    assert_eq!(read_pid(&pid_file), server.tree.attendant());
    server.signal(Signal::SIGTERM);
    server.wait();
    assert!(!pid_file.exists());
}

#[test]
fn a_daemon_has_its_own_session_and_its_launcher_succeeds() {
    let setup = Setup::new();
    let pgid_file = setup.path("pgid");
    let tree = setup.daemon(&["-G", pgid_file.to_str().unwrap()]);
    let attendant = Pid::from_raw(tree.attendant());
    let own = nix::unistd::getsid(None).unwrap();
    let session = nix::unistd::getsid(Some(attendant)).unwrap();
    assert_ne!(session, own);
    let group = nix::unistd::getpgid(Some(attendant)).unwrap();
    assert_eq!(setup.read("pgid"), format!("{group}\n"));
    assert_eq!(tree.children().len(), 4);
    for fd in 0..=2 {
        let link = std::fs::read_link(format!("/proc/{attendant}/fd/{fd}")).unwrap();
        assert_eq!(link.to_str(), Some("/dev/null"), "descriptor {fd}");
    }
    tree.signal(Signal::SIGTERM);
    tree.wait_gone();
    assert!(!setup.path("pid").exists() && !pgid_file.exists());
}

#[test]
fn three_times_d_is_a_daemon_too() {
    let setup = Setup::new();
    let tree = setup.daemon(&["-D", "-D", "-D"]);
    assert_eq!(tree.children().len(), 4);
}

#[test]
fn a_second_instance_is_refused_and_leaves_the_first_and_its_pid_file_alone() {
    let setup = Setup::new();
    let tree = setup.daemon(&[]);
    let pid_file = setup.path("pid");
    for mode in [&[][..], &["-D", "-D"]] {
        let mut options = vec!["-P", pid_file.to_str().unwrap(), "-E"];
        options.extend(mode);
        let second = setup.output(&options);
        assert_eq!(second.status.code(), Some(255), "{mode:?}");
        let text = format!(
            "running process found in the pid file {}",
            pid_file.display()
        );
        assert!(stderr(&second).contains(&text), "{}", stderr(&second));
        assert_eq!(read_pid(&pid_file), tree.attendant());
        assert!(is_alive(tree.attendant()));
    }
}

#[test]
fn a_check_does_not_touch_the_pid_file_of_a_running_instance() {
    let setup = Setup::new();
    let tree = setup.daemon(&[]);
    let pid_file = setup.path("pid");
    let check = setup.output(&["-c", "-P", pid_file.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(0));
    assert_eq!(read_pid(&pid_file), tree.attendant());
}

#[test]
fn the_pid_file_of_a_dead_instance_is_replaced() {
    let setup = Setup::new();
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    std::fs::write(setup.path("pid"), format!("{}\n", gone.id())).unwrap();
    let tree = setup.daemon(&[]);
    assert_eq!(read_pid(&setup.path("pid")), tree.attendant());
}

#[test]
fn a_pid_file_without_a_number_is_an_error_and_stays() {
    let setup = Setup::new();
    let pid_file = setup.path("pid");
    std::fs::write(&pid_file, "precious\n").unwrap();
    let output = setup.output(&["-P", pid_file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(255));
    assert!(stderr(&output).contains("doesn't contain a valid pid number"));
    assert_eq!(setup.read("pid"), "precious\n");
}

#[test]
fn a_start_that_fails_says_why_once_and_leaves_nothing() {
    let setup = Setup::new();
    let pid_file = setup.path("pid");
    for mode in [&[][..], &["-D", "-D"]] {
        // An address of documentation (RFC 5737) that no machine has.
        let mut options = vec!["-l", "udp:192.0.2.1:5060", "-P", pid_file.to_str().unwrap()];
        options.extend(mode);
        let output = setup.output(&options);
        assert_eq!(output.status.code(), Some(255), "{mode:?}");
        let err = stderr(&output);
        assert_eq!(err.matches("192.0.2.1").count(), 1, "{err}");
        assert!(!pid_file.exists());
    }
}

#[test]
fn no_fork_mode_receives_in_the_main_process_and_writes_no_pid_file() {
    let setup = Setup::new();
    let pid_file = setup.path("pid");
    let mut server = setup.foreground(&["-D", "-E", "-P", pid_file.to_str().unwrap()]);
    let desc = format!("stand-alone receiver @ 127.0.0.1:{}", setup.port);
    assert_eq!(server.tree.root().desc(), desc);
    assert_eq!(descs(&server.tree), ["slow timer", "timer"]);
    assert!(!pid_file.exists());
    assert!(setup.read("err").contains("WARNING: no fork mode"));
    server.signal(Signal::SIGINT);
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
}

/// Kills the child with that description; waits until another one has its place.
fn kill_and_wait(tree: &common::Tree, desc: &str, signal: Signal) -> i32 {
    let old = tree.child(desc);
    kill(Pid::from_raw(old), signal).unwrap();
    wait_until("a replacement", || {
        let children = tree.children();
        let mut named = children.iter().filter(|p| p.desc() == desc);
        named.any(|p| p.pid != old)
    });
    old
}

#[test]
fn no_fork_mode_replaces_a_child_that_died() {
    let setup = Setup::new();
    let mut server = setup.foreground(&["-D", "-E"]);
    kill_and_wait(&server.tree, "timer", Signal::SIGKILL);
    assert!(setup.read("err").contains("(timer) exited by a signal 9"));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_child_that_dies_is_told_with_name_and_signal_and_replaced() {
    let setup = Setup::new();
    let cwd = setup.dir.path().to_str().unwrap();
    let mut server = setup.foreground(&["-D", "-D", "-E", "-w", cwd]);
    let receiver = format!("receiver child=1 sock=127.0.0.1:{}", setup.port);
    let before = descs(&server.tree);
    for (signal, number) in [(Signal::SIGKILL, 9), (Signal::SIGSEGV, 11)] {
        for desc in [&receiver, "slow timer", "timer"] {
            let old = kill_and_wait(&server.tree, desc, signal);
            let text = format!("child process {old} ({desc}) exited by a signal {number}");
            assert!(setup.read("err").contains(&text), "{}", setup.read("err"));
        }
    }
    kill_and_wait(&server.tree, &receiver, Signal::SIGTERM);
    let mut after = descs(&server.tree);
    after.sort();
    let mut before = before;
    before.sort();
    assert_eq!(before, after);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
}

#[test]
fn children_of_a_killed_attendant_end_by_themselves() {
    let setup = Setup::new();
    let tree = setup.daemon(&[]);
    assert_eq!(tree.children().len(), 4);
    tree.signal(Signal::SIGKILL);
    tree.wait_gone();
    let again = setup.daemon(&[]);
    assert_ne!(
        again.attendant(),
        tree.attendant(),
        "the stale pid file is replaced"
    );
}

#[test]
fn hup_is_ignored_and_usr1_dumps_statistics_and_memory() {
    let setup = Setup::new();
    let mut server = setup.foreground(&["-D", "-D", "-E"]);
    server.signal(Signal::SIGHUP);
    server.signal(Signal::SIGUSR1);
    wait_until("the dump", || setup.read("err").contains("bytes in total"));
    let err = setup.read("err");
    for text in [
        "Statistics:",
        " processes= 5",
        "Memory status (pkg):",
        "Memory status (shm):",
    ] {
        assert!(err.contains(text), "{text} in {err}");
    }
    assert_eq!(server.tree.children().len(), 4);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_reader_of_the_log_that_goes_away_does_not_take_the_server_with_it() {
    let setup = Setup::new();
    let mut command = setup.command(&["-D", "-D", "-E", "-dddd"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let tree = common::Tree::of(child.id() as i32);
    drop(child.stderr.take());
    wait_until("the tree stands", || tree.stands());
    tree.signal(Signal::SIGUSR1);
    tree.signal(Signal::SIGHUP);
    tree.signal(Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    tree.wait_gone();
}

#[test]
fn a_reader_of_the_log_that_does_not_read_does_not_stop_the_server() {
    let setup = Setup::new();
    let mut command = setup.command(&["-D", "-D", "-E", "-dddd"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let tree = common::Tree::of(child.id() as i32);
    wait_until("the tree stands", || tree.stands());
    // A dump has about twenty lines, a pipe takes 64 KiB.
    for _ in 0..200 {
        tree.signal(Signal::SIGUSR1);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    tree.signal(Signal::SIGTERM);
    wait_until("the server ends", || child.try_wait().unwrap().is_some());
    tree.wait_gone();
}

#[test]
fn the_working_directory_is_taken_and_relative_files_lie_in_it() {
    let setup = Setup::new();
    let dir = setup.dir.path().to_str().unwrap();
    let server = setup.foreground(&["-D", "-D", "-E", "-w", dir, "-P", "relative.pid"]);
    assert_eq!(
        read_pid(&setup.path("relative.pid")),
        server.tree.attendant()
    );
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", server.tree.attendant())).unwrap();
    assert_eq!(cwd, std::fs::canonicalize(dir).unwrap());
}

#[test]
fn a_directory_that_is_not_there_fails_the_start() {
    let output = Setup::new().output(&["-w", "/no/such/directory"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(stderr(&output).contains("cannot chdir to /no/such/directory"));
}

#[test]
fn an_unknown_user_or_group_fails_the_start_with_sers_text() {
    let setup = Setup::new();
    let output = setup.output(&["-u", "no-such-user"]);
    assert_eq!(output.status.code(), Some(255));
    assert_eq!(
        stderr(&output),
        "bad user name/uid number: -u no-such-user\n"
    );
    let output = setup.output(&["-g", "no-such-group"]);
    assert_eq!(
        stderr(&output),
        "bad group name/gid number: -u no-such-group\n"
    );
}

#[test]
fn root_becomes_the_user_with_all_its_groups_and_keeps_its_pid_file_rights() {
    if !is_root() {
        eprintln!("not root: nothing to give up");
        return;
    }
    let setup = Setup::new();
    let tree = setup.daemon(&["-u", "nobody"]);
    for process in tree.children().iter().chain([&tree.root()]) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap();
        assert!(
            status.contains("Uid:\t65534\t65534\t65534\t65534\n"),
            "{status}"
        );
        assert!(
            status.contains("Gid:\t65534\t65534\t65534\t65534\n"),
            "{status}"
        );
        let groups = status
            .lines()
            .find_map(|l| l.strip_prefix("Groups:"))
            .unwrap();
        assert!(groups.split_whitespace().all(|g| g == "65534"), "{groups}");
    }
    let pid_file = std::fs::metadata(setup.path("pid")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&pid_file), 0);
    // The folder belongs to root: the file cannot be removed, but it no longer names anybody.
    tree.signal(Signal::SIGTERM);
    tree.wait_gone();
    assert_eq!(setup.read("pid"), "");
    let again = setup.daemon(&[]);
    assert_eq!(read_pid(&setup.path("pid")), again.attendant());
}

#[test]
fn root_can_lock_the_server_into_a_directory() {
    if !is_root() {
        eprintln!("not root: no chroot");
        return;
    }
    let setup = Setup::new();
    std::fs::create_dir_all(setup.path("dev")).unwrap();
    let null = setup.path("dev/null");
    let device = nix::sys::stat::makedev(1, 3);
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
    let kind = nix::sys::stat::SFlag::S_IFCHR;
    if nix::sys::stat::mknod(&null, kind, mode, device).is_err() {
        eprintln!("no right to make device files here");
        return;
    }
    let root = setup.dir.path().to_str().unwrap();
    let server = setup.foreground(&["-D", "-D", "-E", "-t", root, "-P", "/ser.pid"]);
    assert_eq!(read_pid(&setup.path("ser.pid")), server.tree.attendant());
    let link = std::fs::read_link(format!("/proc/{}/root", server.tree.attendant())).unwrap();
    assert_eq!(link, std::fs::canonicalize(root).unwrap());
}
