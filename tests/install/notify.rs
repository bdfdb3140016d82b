//! What a service manager hears from the server (`NOTIFY_SOCKET`, sd_notify(3)).

use crate::common::{PATIENCE, Setup, is_root, read_pid, tree::is_alive};
use nix::sys::signal::Signal;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Stdio};

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn listens(setup: &Setup) -> Manager {
        let path = setup.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Manager::of(socket, path.to_str().expect("a plain name"))
    }

    fn of(socket: UnixDatagram, name: &str) -> Manager {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = name.to_owned();
        Manager { socket, name }
    }

    /// The server with that manager.
    fn command(&self, setup: &Setup, options: &[&str]) -> Command {
        let mut command = setup.command(options);
        command
            .env("NOTIFY_SOCKET", &self.name)
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID");
        command
    }

    /// The next message, by lines.
    fn hears(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a message");
        let text = String::from_utf8_lossy(&buffer[..length]);
        text.lines().map(str::to_owned).collect()
    }

    fn has_heard_nothing(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        self.socket.recv(&mut [0; 16]).is_err()
    }
}

fn ready(attendant: i32, processes: usize) -> [String; 3] {
    [
        "READY=1".to_owned(),
        format!("MAINPID={attendant}"),
        format!("STATUS=serving with {processes} processes"),
    ]
}

const STOPPING: [&str; 2] = ["STOPPING=1", "STATUS=stopping"];

#[test]
fn the_manager_hears_of_the_start_and_of_the_stop() {
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    let mut server = setup.start(manager.command(&setup, &["-D", "-D", "-E"]));
    let tree = &server.tree;
    assert_eq!(
        manager.hears(),
        ready(tree.attendant(), tree.children().len() + 1)
    );
    server.signal(Signal::SIGTERM);
    assert_eq!(manager.hears(), STOPPING);
    server.wait();
    assert!(manager.has_heard_nothing());
}

#[test]
fn a_server_in_one_process_says_the_same() {
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    let server = setup.start(manager.command(&setup, &["-D", "-E"]));
    assert_eq!(manager.hears(), ready(server.tree.attendant(), 3));
}

#[test]
fn a_daemon_tells_its_pid_before_its_launcher_ends() {
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    let tree = setup.launch(manager.command(&setup, &[]));
    let heard = manager.hears();
    assert_eq!(heard[0], "READY=1");
    assert_eq!(
        heard[1],
        format!("MAINPID={}", read_pid(&setup.path("pid")))
    );
    assert!(is_alive(tree.attendant()));
}

#[test]
fn the_manager_hears_when_the_config_is_read_again_and_when_that_is_over() {
    let text = "reload_on_hup=yes\nroute { drop; }\n";
    let setup = Setup::with_config(text);
    let manager = Manager::listens(&setup);
    let server = setup.start(manager.command(&setup, &["-D", "-D", "-E"]));
    assert_eq!(manager.hears()[0], "READY=1");
    for (config, ends) in [(text, true), ("route { dorp; }\n", false)] {
        std::fs::write(setup.path("ser.cfg"), config).unwrap();
        server.signal(Signal::SIGHUP);
        let mut heard = manager.hears();
        while heard[0] != "RELOADING=1" {
            heard = manager.hears();
        }
        assert!(heard[1].starts_with("MONOTONIC_USEC="), "{heard:?}");
        // Meanwhile it may tell how many processes there are.
        while heard[0] != "READY=1" {
            heard = manager.hears();
        }
        assert!(heard[1].starts_with("STATUS=serving with "), "{heard:?}");
        if !ends {
            let told = || setup.read("err").contains("(1 errors)");
            crate::common::wait_until("the log tells what is wrong", told);
        }
    }
}

#[test]
fn pings_come_as_long_as_the_attendant_lives_where_they_were_asked_for() {
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    let mut command = manager.command(&setup, &["-D", "-D", "-E"]);
    command.env("WATCHDOG_USEC", "100000");
    let server = setup.start(command);
    // The attendant lives while it starts, too.
    while manager.hears()[0] != "READY=1" {}
    for _ in 0..3 {
        assert_eq!(manager.hears(), ["WATCHDOG=1"]);
    }
    drop(server);
}

#[test]
fn a_watchdog_of_another_process_gets_no_pings() {
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    let mut command = manager.command(&setup, &["-D", "-D", "-E"]);
    command
        .env("WATCHDOG_USEC", "1000")
        .env("WATCHDOG_PID", "1");
    let mut server = setup.start(command);
    assert_eq!(manager.hears()[0], "READY=1");
    server.signal(Signal::SIGINT);
    assert_eq!(manager.hears(), STOPPING);
    server.wait();
}

#[test]
fn a_socket_may_have_an_abstract_name() {
    let setup = Setup::new();
    let name = format!("ser-test-{}-{}", std::process::id(), setup.port);
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let manager = Manager::of(socket, &format!("@{name}"));
    let server = setup.start(manager.command(&setup, &["-D", "-D", "-E"]));
    assert_eq!(manager.hears()[0], "READY=1");
    drop(server);
}

#[test]
fn the_manager_is_told_why_a_start_failed() {
    let setup = Setup::with_config("route {\n    dorp;\n}\n");
    let manager = Manager::listens(&setup);
    let mut command = manager.command(&setup, &["-D", "-D"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert_eq!(
        manager.hears(),
        ["STATUS=ERROR: bad config file (1 errors)"]
    );
    assert!(manager.has_heard_nothing());
}

#[test]
fn a_check_of_the_config_tells_the_manager_nothing() {
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    assert!(
        manager
            .command(&setup, &["-c"])
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(manager.has_heard_nothing());
}

#[test]
fn a_manager_that_is_not_there_is_a_warning() {
    let setup = Setup::new();
    let mut command = setup.command(&["-D", "-D", "-E", "-d"]);
    command.env("NOTIFY_SOCKET", setup.path("nobody"));
    let server = setup.start(command);
    let log = setup.read("err");
    assert!(log.contains("cannot reach NOTIFY_SOCKET"), "{log}");
    drop(server);
}

#[test]
fn a_server_in_a_chroot_reaches_the_manager_outside() {
    if !is_root() {
        return;
    }
    let setup = Setup::new();
    let manager = Manager::listens(&setup);
    let root = setup.path("root");
    let null = Path::new("/dev/null");
    std::fs::create_dir_all(root.join("dev")).unwrap();
    std::fs::File::create(root.join("dev/null")).unwrap();
    assert!(null.exists());
    let mut command = manager.command(&setup, &["-D", "-D", "-E", "-t"]);
    command.arg(&root).stderr(Stdio::null());
    let server = setup.start(command);
    assert_eq!(manager.hears()[0], "READY=1");
    drop(server);
}
