//! The systemd unit and its relatives, as systemd's own tools read them, and what the unit starts.

use crate::common::{PATIENCE, Setup, is_root};
use crate::init_script::Service;
use crate::kit::{install, register, run, script};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether the tool is there; `scripts/test` installs it where it can.
fn has(tool: &str) -> bool {
    let found = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("{tool} is missing");
    }
    found.is_ok()
}

fn quiet(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{command:?}: {said}"
    );
    output
}

#[test]
fn the_unit_has_no_mistake() {
    if !has("systemd-analyze") {
        return;
    }
    let setup = Setup::new();
    install(&setup.path("opt"));
    quiet(
        Command::new("systemd-analyze")
            .arg("verify")
            .arg(setup.path("opt/lib/systemd/system/ser.service"))
            // Its manual pages are looked for as well.
            .env("MANPATH", setup.path("opt/share/man")),
    );
}

#[test]
fn what_the_unit_runs_becomes_the_server_and_tells_systemd() {
    let service = Service::install();
    let unit = service.path("lib/systemd/system/ser.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let runs = format!("{} foreground", service.path("etc/init.d/ser").display());
    assert!(unit.contains(&format!("\nExecStart={runs}\n")), "{unit}");

    let path = service.setup.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = service.command("foreground");
    command.env("NOTIFY_SOCKET", &path);
    let server = service.setup.start(command);
    let mut message = [0; 256];
    let length = manager.recv(&mut message).unwrap();
    let heard = String::from_utf8_lossy(&message[..length]);
    let own = format!("READY=1\nMAINPID={}\n", server.tree.attendant());
    assert!(heard.starts_with(&own), "{heard}");
    assert_eq!(register(service.setup.port), "SIP/2.0 200 OK");
}

#[test]
fn the_user_and_the_folders_are_made() {
    if !is_root() || !has("systemd-sysusers") || !has("systemd-tmpfiles") {
        return;
    }
    let setup = Setup::new();
    let root = setup.path("root");
    let mut command = script("install");
    command.env("DESTDIR", &root).env("PREFIX", "/usr");
    run(command);
    let at_root = |tool: &str| {
        let mut command = Command::new(tool);
        command.arg("--root").arg(&root);
        command
    };
    assert!(
        at_root("systemd-sysusers")
            .output()
            .unwrap()
            .status
            .success()
    );
    let users = std::fs::read_to_string(root.join("etc/passwd")).unwrap();
    assert!(
        users.contains("\nser:x:") || users.starts_with("ser:x:"),
        "{users}"
    );
    quiet(at_root("systemd-tmpfiles").args(["--create", "ser.conf"]));
    let id = users
        .lines()
        .find_map(|l| l.strip_prefix("ser:x:"))
        .unwrap();
    let id: u32 = id.split(':').next().unwrap().parse().unwrap();
    for folder in ["run/ser", "var/lib/ser"] {
        assert_eq!(owner(&root.join(folder)), id, "{folder}");
    }
}

fn owner(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).unwrap().uid()
}

#[test]
fn logrotate_reads_its_snippet() {
    if !has("logrotate") {
        return;
    }
    let setup = Setup::new();
    install(&setup.path("opt"));
    let state = setup.path("state");
    let output = Command::new("logrotate")
        .args(["--debug", "--state"])
        .arg(state)
        .arg(setup.path("opt/etc/logrotate.d/ser"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("error"), "{said}");
    assert!(said.contains("/var/log/ser.log"), "{said}");
}
