//! `scripts/install` and `scripts/run`: what stands on the disk and what starts from there.

use crate::common::shipped::on_port;
use crate::common::{Foreground, PATIENCE, Setup, free_port, modules_dir, repository, wait_until};
use nix::sys::signal::Signal;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A script of the repository with this build, and nothing in its environment that would help it.
fn script(name: &str) -> Command {
    let mut command = Command::new(repository("scripts").join(name));
    command
        .env("BUILD", modules_dir())
        .env_remove("LD_LIBRARY_PATH");
    command
}

/// The server of an installation as an init system would start it.
fn installed(prefix: &Path) -> Command {
    let mut command = Command::new(prefix.join("sbin/ser"));
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    command.env_clear().env("PATH", path);
    command
}

fn run(mut command: Command) -> Output {
    let output = command.output().expect("the command runs");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn install(prefix: &Path) -> Output {
    let mut command = script("install");
    command.env("PREFIX", prefix).env_remove("DESTDIR");
    run(command)
}

/// Status line of the answer to a REGISTER.
fn register(port: u16) -> String {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    let own = phone.local_addr().unwrap();
    let request = format!(
        "REGISTER sip:127.0.0.1:{port} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {own};branch=z9hG4bK1\r\n\
         From: <sip:alice@127.0.0.1:{port}>;tag=1\r\n\
         To: <sip:alice@127.0.0.1:{port}>\r\n\
         Call-ID: 1@{own}\r\n\
         CSeq: 1 REGISTER\r\n\
         Contact: <sip:alice@{own}>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let to = ("127.0.0.1", port);
    phone.send_to(request.as_bytes(), to).unwrap();
    let mut answer = [0; 4096];
    let length = phone.recv(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Files that the attendant has mapped.
fn mapped_files(server: &Foreground) -> Vec<PathBuf> {
    let path = format!("/proc/{}/maps", server.tree.attendant());
    let maps = std::fs::read_to_string(path).unwrap();
    let file = |line: &str| Some(PathBuf::from(&line[line.find('/')?..]));
    maps.lines().filter_map(file).collect()
}

fn ends_well(setup: &Setup, mut server: Foreground) {
    server.signal(Signal::SIGINT);
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", setup.read("err"));
    server.tree.wait_gone();
}

#[test]
fn an_installed_server_starts_without_options_and_takes_nothing_from_the_source_tree() {
    let setup = Setup::shipped();
    let prefix = setup.path("usr/local");
    install(&prefix);
    let cfg = prefix.join("etc/ser/ser.cfg");
    assert_eq!(
        std::fs::read(&cfg).unwrap(),
        std::fs::read(repository("ser.cfg")).unwrap()
    );
    let mut check = installed(&prefix);
    check.arg("-c");
    let checked = run(check);
    assert!(checked.stderr.ends_with(b"config file ok, exiting...\n"));

    std::fs::write(&cfg, on_port(setup.port)).unwrap();
    let mut command = installed(&prefix);
    command.args(["-D", "-D", "-E"]);
    let server = setup.start(command);
    assert_eq!(register(setup.port), "SIP/2.0 200 OK");
    let libraries = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];
    for file in mapped_files(&server) {
        let systems = libraries.iter().any(|dir| file.starts_with(dir));
        let memory = file.to_string_lossy().starts_with("/memfd:");
        assert!(systems || memory || file.starts_with(&prefix), "{file:?}");
    }
    ends_well(&setup, server);
}

#[test]
fn a_second_installation_keeps_the_config_and_lays_the_new_one_beside_it() {
    let setup = Setup::new();
    let prefix = setup.path("opt");
    install(&prefix);
    let etc = prefix.join("etc/ser");
    std::fs::write(etc.join("ser.cfg"), "# mine\n").unwrap();
    let stale = prefix.join("lib/ser/libstd-0123456789abcdef.so");
    std::fs::write(&stale, "").unwrap();
    let said = install(&prefix);
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("ser.cfg stays as it is"), "{said}");
    assert_eq!(std::fs::read(etc.join("ser.cfg")).unwrap(), b"# mine\n");
    assert_eq!(
        std::fs::read(etc.join("ser.cfg.sample")).unwrap(),
        std::fs::read(repository("ser.cfg")).unwrap()
    );
    assert!(!stale.exists());
}

#[test]
fn a_server_that_runs_lives_through_an_installation_over_it() {
    let setup = Setup::shipped();
    let prefix = setup.path("usr/local");
    install(&prefix);
    std::fs::write(prefix.join("etc/ser/ser.cfg"), on_port(setup.port)).unwrap();
    let mut command = installed(&prefix);
    command.args(["-D", "-D", "-E"]);
    let server = setup.start(command);
    install(&prefix);
    assert_eq!(register(setup.port), "SIP/2.0 200 OK");
    ends_well(&setup, server);
}

#[test]
fn destdir_goes_before_every_path() {
    let setup = Setup::new();
    let mut command = script("install");
    command
        .env("DESTDIR", setup.path("stage"))
        .env("PREFIX", "/usr");
    run(command);
    let stage = setup.path("stage");
    for file in [
        "usr/sbin/ser",
        "usr/sbin/serctl",
        "usr/lib/ser/libser.so",
        "usr/lib/ser/modules/sl.so",
        "etc/ser/ser.cfg",
    ] {
        assert!(stage.join(file).is_file(), "{file}");
    }
    let mut command = installed(&stage.join("usr"));
    command
        .arg("-c")
        .arg("-f")
        .arg(stage.join("etc/ser/ser.cfg"));
    run(command);
}

#[test]
fn every_module_of_the_source_tree_is_installed_under_its_own_name() {
    let setup = Setup::new();
    let prefix = setup.path("p");
    install(&prefix);
    let names = |dir: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|e| e.path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let installed = names(&prefix.join("lib/ser/modules"));
    assert_eq!(installed, names(&repository("modules")));
}

#[test]
fn the_run_script_says_how_to_register_and_serves_until_it_is_interrupted() {
    let setup = Setup::new();
    let port = free_port();
    let mut command = script("run");
    command.env("PORT", port.to_string());
    let server = setup.start(command);
    wait_until("the server answers", || {
        setup.read("err").contains("udp_init")
    });
    assert_eq!(register(port), "SIP/2.0 200 OK");
    let said = setup.read("out");
    let account = format!("<sip:alice@127.0.0.1:{port}>;regint=60;auth_pass=none");
    for text in [&account, "Ctrl-C ends it", "Any other phone"] {
        assert!(said.contains(text), "{text} in {said}");
    }
    ends_well(&setup, server);
    std::fs::remove_file(modules_dir().join(format!("ser-{port}.cfg"))).unwrap();
}

#[test]
fn the_run_script_refuses_a_port_that_is_no_number() {
    let mut command = script("run");
    let output = command.env("PORT", "sip").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"PORT=sip: a number is needed\n");
}
