//! `serctl start`, `stop`, `restart`, `reload`, `status`: by the pid file, by an init script, by systemd.

use crate::common::tree::is_alive;
use crate::common::{Setup, Tree, is_root, read_pid, ser};
use crate::lab::{failed, serctl};
use std::process::{Command, Output, Stdio};

/// A server that nobody has started yet.
struct Server {
    setup: Setup,
    /// What was started; it ends with the test.
    trees: Vec<Tree>,
}

impl Server {
    fn new() -> Server {
        let setup = Setup::new();
        let trees = Vec::new();
        Server { setup, trees }
    }

    fn serctl(&mut self, verb: &str) -> (Option<i32>, String) {
        self.serctl_with(verb, "")
    }

    fn serctl_with(&mut self, verb: &str, more: &str) -> (Option<i32>, String) {
        let config = self.setup.path("ser.cfg");
        let port = self.setup.port;
        let options = format!(
            "-f {} -l udp:127.0.0.1:{port} -n 1 {more}",
            config.display()
        );
        let mut command = serctl();
        command
            .env("SERBIN", ser())
            .env("PID_FILE", self.setup.path("pid"))
            .env("TMPDIR", self.setup.dir.path())
            .env("STARTOPTIONS", options.trim());
        let output = command.arg(verb).output().unwrap();
        if let Ok(text) = std::fs::read_to_string(self.setup.path("pid"))
            && let Ok(pid) = text.trim().parse()
            && self.trees.iter().all(|tree| tree.attendant() != pid)
        {
            self.trees.push(Tree::of(pid));
        }
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said)
    }
}

#[test]
fn a_server_is_started_seen_and_stopped_by_its_pid_file() {
    let mut server = Server::new();
    let file = server.setup.path("pid");
    let shown = file.display();
    assert_eq!(
        server.serctl("status"),
        (Some(3), format!("SER is not running (no {shown})\n"))
    );
    let (code, said) = server.serctl("start");
    let pid = read_pid(&file);
    assert_eq!(
        (code, said),
        (Some(0), format!("\nStarting SER : started pid({pid})\n"))
    );
    assert_eq!(
        server.serctl("status"),
        (Some(0), format!("SER is running, pid {pid}\n"))
    );
    let exists = format!("\nStarting SER : PID file exists! ({shown}) already running?\n");
    assert_eq!(server.serctl("start"), (Some(1), exists));
    assert_eq!(
        server.serctl("stop"),
        (Some(0), "Stopping SER : stopped\n".into())
    );
    assert!(!is_alive(pid));
    let gone = "Stopping SER : No PID file found! SER probably not running\n";
    assert_eq!(server.serctl("stop"), (Some(1), gone.into()));
    let left = std::fs::read_dir(server.setup.dir.path())
        .unwrap()
        .flatten();
    let left: Vec<_> = left.map(|e| e.file_name()).collect();
    assert_eq!(left, ["ser.cfg"], "nothing is left behind");
}

#[test]
fn a_restart_is_another_process_and_needs_a_config_that_starts() {
    let mut server = Server::new();
    server.serctl("start");
    let first = read_pid(&server.setup.path("pid"));
    let (code, said) = server.serctl("restart");
    let second = read_pid(&server.setup.path("pid"));
    assert_eq!(code, Some(0));
    assert_eq!(
        said,
        format!("Stopping SER : stopped\n\nStarting SER : started pid({second})\n")
    );
    assert!(!is_alive(first) && is_alive(second));
    std::fs::write(server.setup.path("ser.cfg"), "debg=3\n").unwrap();
    assert_eq!(server.serctl("restart"), (Some(1), String::new()));
    assert!(is_alive(second), "it goes on");
    server.serctl("stop");
}

#[test]
fn a_start_that_fails_says_why() {
    let mut server = Server::new();
    std::fs::write(server.setup.path("ser.cfg"), "debg=3\n").unwrap();
    let (code, said) = server.serctl("start");
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("\nStarting SER : SER start failed\n"),
        "{said}"
    );
    assert!(said.contains("did you mean `debug`?"), "{said}");
    assert!(!server.setup.path("pid").exists());
    // It ends well, but was no start.
    std::fs::write(server.setup.path("ser.cfg"), "route { drop; }\n").unwrap();
    let (code, said) = server.serctl_with("start", "-c");
    assert_eq!(code, Some(1));
    assert!(
        said.ends_with("does not exist -- SER start failed\n"),
        "{said}"
    );
    let mut command = serctl();
    command
        .env("SERBIN", "/nonexistent/ser")
        .env("PID_FILE", server.setup.path("pid"));
    let output = command.arg("start").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        "\nStarting SER : SER binaries not found at /nonexistent/ser; reconfigure SERBIN\n"
    );
}

#[test]
fn without_syslog_the_server_writes_to_the_terminal() {
    let mut server = Server::new();
    let (pid_file, said) = (server.setup.path("pid"), server.setup.path("said"));
    let said_file = std::fs::File::create(&said).unwrap();
    let config = server.setup.path("ser.cfg");
    let options = format!(
        "-f {} -l udp:127.0.0.1:{} -n 1",
        config.display(),
        server.setup.port
    );
    let mut command = serctl();
    command
        .env("SERBIN", ser())
        .env("PID_FILE", &pid_file)
        .env("SYSLOG", "0");
    command.env("STARTOPTIONS", options).arg("start");
    // No pipe: the server keeps it.
    command
        .stdout(said_file.try_clone().unwrap())
        .stderr(said_file);
    assert!(command.status().unwrap().success());
    server.trees.push(Tree::of(read_pid(&pid_file)));
    let said = std::fs::read_to_string(said).unwrap();
    assert!(said.contains("Starting SER : Listening on"), "{said}");
    assert!(said.contains("started pid("), "{said}");
    assert_eq!(server.serctl("stop").0, Some(0));
}

#[test]
fn a_stale_pid_file_hinders_nobody_and_a_stranger_is_left_alone() {
    let mut server = Server::new();
    let file = server.setup.path("pid");
    let mut ended = Command::new("true").spawn().unwrap();
    let stale = ended.id();
    ended.wait().unwrap();
    std::fs::write(&file, format!("{stale}\n")).unwrap();
    let (code, said) = server.serctl("status");
    assert_eq!(code, Some(1), "{said}");
    let said = server.serctl("stop").1;
    assert_eq!(
        said,
        "Stopping SER : The PID file is stale! SER probably not running\n"
    );
    let (code, said) = server.serctl("start");
    assert_eq!(code, Some(0), "{said}");
    server.serctl("stop");
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    std::fs::write(&file, format!("{}\n", stranger.id())).unwrap();
    let (code, said) = server.serctl("stop");
    assert_eq!(code, Some(1));
    let left_alone = format!(
        "process {}, which is sleep: it is left alone\n",
        stranger.id()
    );
    assert!(said.ends_with(&left_alone), "{said}");
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// `serctl` where `/etc/init.d`, `/run/systemd` and the path to programs are the test's own. Needs root.
fn on_machine(script: &str, verb: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let prepare = dir.path().join("prepare");
    let fake = |name: &str| {
        format!(
            "printf '#!/bin/sh\\necho {name} \"$@\"\\nexit ${{FAKE_CODE:-0}}\\n' > DEST && chmod 755 DEST"
        )
    };
    let text = script
        .replace(
            "FAKE_INIT",
            &fake("init").replace("DEST", "/etc/init.d/ser"),
        )
        .replace(
            "FAKE_SYSTEMCTL",
            &fake("systemctl").replace("DEST", "$BIN/systemctl"),
        );
    std::fs::write(
        &prepare,
        format!("set -e\n{text}\nexec \"$SERCTL\" {verb}\n"),
    )
    .unwrap();
    let program = serctl();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh"]).arg(&prepare);
    command
        .env("SERCTL", program.get_program())
        .env("BIN", dir.path());
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", dir.path().display()));
    command
        .env("HOME", "/nonexistent")
        .env_remove("PID_FILE")
        .stdin(Stdio::null());
    command.output().expect("unshare runs")
}

const INIT: &str = "mount -t tmpfs none /etc\nmkdir /etc/init.d\nFAKE_INIT";
const SYSTEMD: &str = "mount -t tmpfs none /run\nmkdir -p /run/systemd/system\nFAKE_SYSTEMCTL";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_init_script_is_used_where_there_is_one() {
    if !is_root() {
        return;
    }
    for verb in ["start", "stop", "restart", "status"] {
        let output = on_machine(INIT, verb);
        assert_eq!(said(&output), format!("init {verb}\n"), "{output:?}");
        assert!(output.status.success());
    }
    let output = on_machine(&format!("{INIT}\nexport FAKE_CODE=7"), "start");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

#[test]
fn systemd_is_used_where_it_runs_and_knows_the_unit() {
    if !is_root() {
        return;
    }
    for verb in ["start", "stop", "restart", "status"] {
        let output = on_machine(&format!("{INIT}\n{SYSTEMD}"), verb);
        assert_eq!(
            said(&output),
            format!("systemctl {verb} ser.service\n"),
            "{output:?}"
        );
    }
    let unknown = format!("{INIT}\n{SYSTEMD}\nexport FAKE_CODE=1");
    let output = on_machine(&unknown, "start");
    assert_eq!(
        said(&output),
        "init start\n",
        "systemd has no such unit: {output:?}"
    );
}

#[test]
fn words_behind_these_verbs_are_refused() {
    for verb in ["start", "stop", "restart", "reload", "status"] {
        let mut command = serctl();
        command
            .env("PID_FILE", "/nonexistent/pid")
            .args([verb, "now"]);
        let (code, said) = failed(command.output().unwrap());
        assert_eq!(code, Some(1));
        assert!(said.starts_with(&format!("usage:\n {verb} ...")), "{said}");
    }
}
