//! The init script, run as init runs it: with nothing in its environment that would help it.

use crate::common::shipped::on_port;
use crate::common::{Setup, Tree, is_root, read_pid, tree::is_alive};
use crate::kit::{install_quickly, register};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An installation of its own, with the shipped config on a free port.
pub struct Service {
    pub setup: Setup,
    prefix: PathBuf,
}

impl Service {
    pub fn install() -> Service {
        let setup = Setup::shipped();
        let prefix = setup.path("opt");
        install_quickly(&prefix);
        let service = Service { setup, prefix };
        service.configure(&on_port(service.setup.port));
        service
    }

    /// A path below the installation's prefix.
    pub fn path(&self, name: &str) -> PathBuf {
        self.prefix.join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("etc/ser/ser.cfg")
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    /// What the defaults file holds.
    fn defaults(&self, text: &str) {
        std::fs::write(self.path("etc/default/ser"), text).unwrap();
    }

    pub fn command(&self, action: &str) -> Command {
        let mut command = Command::new(self.path("etc/init.d/ser"));
        command.arg(action).env_clear();
        // What a root shell would have.
        command.env("USER", "nobody-we-know").env("PATH", "/bin");
        command
    }

    fn run(&self, action: &str) -> Output {
        self.command(action).output().expect("the script runs")
    }

    /// Exit status, what it said on stdout, and on stderr.
    fn says(&self, action: &str) -> (i32, String, String) {
        let output = self.run(action);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let status = output.status.code().expect("no signal");
        (status, text(&output.stdout), text(&output.stderr))
    }

    fn pid_file(&self) -> PathBuf {
        self.path("var/run/ser/ser.pid")
    }

    /// Starts it; it ends with the test.
    fn start(&self) -> Tree {
        self.started_by("start")
    }

    fn started_by(&self, action: &str) -> Tree {
        let (status, said, wrong) = self.says(action);
        assert_eq!(status, 0, "{action}: {said} {wrong}");
        self.tree()
    }

    fn tree(&self) -> Tree {
        let tree = Tree::of(read_pid(&self.pid_file()));
        tree.children();
        tree
    }
}

fn line(text: &str) -> (i32, String, String) {
    (0, text.into(), String::new())
}

fn proc(pid: i32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
}

#[test]
fn it_starts_serves_and_stops() {
    let service = Service::install();
    assert_eq!(
        service.says("status"),
        (3, "ser is not running.".into(), String::new())
    );
    assert_eq!(service.says("start"), line("Starting SIP server: ser."));
    let tree = service.tree();
    let pid = tree.attendant();
    assert_eq!(register(service.setup.port), "SIP/2.0 200 OK");
    let running = format!("ser (pid {pid}) is running.");
    assert_eq!(service.says("status"), line(&running));
    let already = format!("ser (pid {pid}) is running already.");
    assert_eq!(service.says("start"), line(&already));
    assert_eq!(service.says("stop"), line("Stopping SIP server: ser."));
    assert!(!is_alive(pid) && !service.pid_file().exists());
    tree.wait_gone();
    assert_eq!(service.says("stop"), line("ser is not running."));
}

#[test]
fn a_restart_puts_another_server_in_place_whether_one_ran_or_not() {
    let service = Service::install();
    let first = service.started_by("restart");
    let second = service.started_by("restart");
    assert!(!is_alive(first.attendant()));
    assert_ne!(first.attendant(), second.attendant());
    assert_eq!(register(service.setup.port), "SIP/2.0 200 OK");
}

#[test]
fn conditional_restarts_leave_a_stopped_server_alone() {
    for action in ["condrestart", "try-restart"] {
        let service = Service::install();
        assert_eq!(service.says(action), line(""));
        assert!(!service.pid_file().exists());
        let first = service.start();
        let second = service.started_by(action);
        assert_ne!(first.attendant(), second.attendant());
    }
}

#[test]
fn a_mistake_in_the_config_is_shown_and_nothing_is_started_or_stopped() {
    let service = Service::install();
    let tree = service.start();
    service.configure("children=4\nroute { dorp; }\n");
    for action in ["restart", "force-reload", "condrestart", "check"] {
        let (status, _, wrong) = service.says(action);
        assert_eq!(status, 6, "{action}");
        let place = format!("{}:2:9", service.config().display());
        for text in [&place, "drop", "nothing was started or stopped"] {
            assert!(wrong.contains(text), "{action}: {text} in {wrong}");
        }
        assert!(is_alive(tree.attendant()), "{action}");
    }
    assert_eq!(service.says("stop").0, 0);
    assert_eq!(service.says("start").0, 6);
    assert!(!service.pid_file().exists());
}

#[test]
fn a_start_that_fails_says_why() {
    let service = Service::install();
    let taken = std::net::UdpSocket::bind(service.setup.addr()).unwrap();
    let (status, said, wrong) = service.says("start");
    assert_eq!(status, 1);
    assert_eq!(said, "Starting SIP server: ser failed.");
    assert!(wrong.contains("Address already in use"), "{wrong}");
    drop(taken);
}

#[test]
fn check_says_that_the_config_is_right() {
    let service = Service::install();
    let right = format!("{} is right.", service.config().display());
    assert_eq!(service.says("check"), line(&right));
}

#[test]
fn a_config_that_asks_not_to_fork_becomes_a_daemon_all_the_same() {
    let service = Service::install();
    service.configure(&format!("fork=no\n{}", on_port(service.setup.port)));
    let tree = service.start();
    assert!(tree.children().len() > 2);
}

#[test]
fn the_names_of_sers_debian_package_hold() {
    let service = Service::install();
    let config = service.path("mine.cfg");
    std::fs::copy(service.config(), &config).unwrap();
    let (pid_file, workdir) = (service.path("run/x.pid"), service.path("work"));
    service.defaults(&format!(
        "SER_CFG_FILE=\"{}\"\nSER_PIDFILE=\"{}\"\nSER_WORKDIR=\"{}\"\nSER_MEMORY=\"64\"\nSER_USER=\"root\"\n",
        config.display(),
        pid_file.display(),
        workdir.display()
    ));
    if !is_root() {
        return;
    }
    assert_eq!(service.says("start").0, 0);
    let tree = Tree::of(read_pid(&pid_file));
    let args = tree.root().args;
    for text in [
        format!("/ser -f {} -P {}", config.display(), pid_file.display()),
        format!(" -u root -m 64 -w {} ", workdir.display()),
    ] {
        assert!(args.contains(&text), "{text} in {args}");
    }
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", tree.attendant())).unwrap();
    assert_eq!(cwd, workdir);
    assert_eq!(service.says("stop").0, 0);
}

#[test]
fn the_names_of_the_relatives_of_ser_hold() {
    if !is_root() {
        return;
    }
    let service = Service::install();
    open_to_all(&service.setup);
    service.defaults(
        "USER=nobody\nGROUP=nogroup\nSHM_MEMORY=32MB\nDUMP_CORE=yes\nOPTIONS='-n 1 -v'\n",
    );
    let tree = service.start();
    let args = tree.root().args;
    assert!(
        args.contains(" -u nobody -g nogroup -m 32 -n 1 -v "),
        "{args}"
    );
    for process in tree.children() {
        let status = proc(process.pid, "status");
        assert!(!status.contains("\nUid:\t0"), "{status}");
        let core = "Max core file size        unlimited            unlimited";
        assert!(proc(process.pid, "limits").contains(core));
    }
    assert_eq!(register(service.setup.port), "SIP/2.0 200 OK");
    // The folder of the pid file is the user's, so that the server can take the file away.
    tree.signal(Signal::SIGTERM);
    tree.wait_gone();
    assert!(!service.pid_file().exists());
}

/// The test's folder is its owner's alone; another user has to read modules there.
fn open_to_all(setup: &Setup) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(setup.dir.path(), mode).unwrap();
}

#[test]
fn run_ser_no_keeps_it_from_starting() {
    let service = Service::install();
    service.defaults("RUN_SER=no\n");
    for action in ["start", "restart", "force-reload"] {
        assert_eq!(service.says(action), line("ser is not started: RUN_SER=no"));
    }
}

#[test]
fn a_reload_that_the_server_cannot_do_says_so_and_changes_nothing() {
    let service = Service::install();
    assert_eq!(
        service.says("reload"),
        (7, String::new(), "ser is not running.".into())
    );
    let tree = service.start();
    let (status, _, wrong) = service.says("reload");
    assert_eq!(status, 3);
    assert!(
        wrong.ends_with("\nNothing has changed. Use restart."),
        "{wrong}"
    );
    assert!(is_alive(tree.attendant()));
    // What has to be in force afterwards is, at the price of a restart.
    let second = service.started_by("force-reload");
    assert_ne!(second.attendant(), tree.attendant());
}

#[test]
fn a_reload_is_asked_of_a_server_that_can_do_it() {
    let service = Service::install();
    let tree = service.start();
    let asked = service.path("asked");
    let serctl = service.path("sbin/serctl");
    std::fs::remove_file(&serctl).unwrap();
    let instead = format!(
        "#!/bin/sh\necho \"$SER_CTL $*\" >>{}\necho core.reload\n",
        asked.display()
    );
    write_program(&serctl, &instead);
    service.defaults("SER_CTL=unixs:/x\n");
    assert_eq!(service.says("reload"), line("Reloading SIP server: ser."));
    assert_eq!(
        std::fs::read_to_string(&asked).unwrap(),
        "unixs:/x rpc system.listMethods\nunixs:/x reload\n"
    );
    assert_eq!(service.says("force-reload").0, 0);
    assert!(is_alive(tree.attendant()));
}

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn debug_starts_it_with_core_dumps_and_a_full_log() {
    let service = Service::install();
    let tree = service.started_by("debug");
    let args = tree.root().args;
    assert!(args.contains(" -d -d -d -d "), "{args}");
    assert!(proc(tree.attendant(), "limits").contains("Max core file size        unlimited"));
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", tree.attendant())).unwrap();
    assert_eq!(cwd, service.path("var/lib/ser"));
    let (status, _, wrong) = service.says("debug");
    assert_eq!(status, 1);
    assert!(wrong.ends_with("is running: stop it first"), "{wrong}");
}

#[test]
fn a_pid_file_that_was_left_behind_is_told_from_a_server_that_runs() {
    let service = Service::install();
    std::fs::create_dir_all(service.path("var/run/ser")).unwrap();
    // A process that lives, but is none of ours.
    std::fs::write(service.pid_file(), format!("{}\n", std::process::id())).unwrap();
    let (status, said, _) = service.says("status");
    assert_eq!(status, 1);
    assert!(said.starts_with("ser is dead, and its pid file"), "{said}");
    assert_eq!(service.says("stop"), line("ser is not running."));
    assert!(!service.pid_file().exists());
}

#[test]
fn a_server_that_does_not_stop_is_reported() {
    let service = Service::install();
    service.defaults("STOP_TIMEOUT=1\n");
    let tree = service.start();
    tree.signal(Signal::SIGSTOP);
    let (status, said, wrong) = service.says("stop");
    assert_eq!(
        (status, said.as_str()),
        (1, "Stopping SIP server: ser failed.")
    );
    let still = format!(
        "ser (pid {}) was told to stop and still runs after 1 seconds",
        tree.attendant()
    );
    assert_eq!(wrong, still);
    tree.signal(Signal::SIGCONT);
    tree.wait_gone();
}

#[test]
fn what_it_does_not_know_is_answered_with_the_usage() {
    let service = Service::install();
    for action in ["", "fly", "help"] {
        let (status, _, wrong) = service.says(action);
        assert_eq!(status, 2);
        assert!(wrong.contains("{start|stop|restart|reload|"), "{wrong}");
    }
}

#[test]
fn without_the_program_only_a_stop_succeeds() {
    let service = Service::install();
    std::fs::remove_file(service.path("sbin/ser")).unwrap();
    assert_eq!(service.says("start").0, 5);
    assert_eq!(service.says("status").0, 5);
    assert_eq!(service.says("stop").0, 0);
}

#[test]
fn without_a_config_it_says_which_one_is_missing() {
    let service = Service::install();
    std::fs::remove_file(service.config()).unwrap();
    let (status, _, wrong) = service.says("start");
    assert_eq!(status, 6);
    assert!(wrong.contains("etc/ser/ser.cfg cannot be read"), "{wrong}");
}
