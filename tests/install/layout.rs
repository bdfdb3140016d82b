//! `scripts/install` and `uninstall`: what stands on the disk and what starts from there.

use crate::common::shipped::on_port;
use crate::common::{Foreground, Setup, repository};
use crate::kit::{ends_well, install, installed, register, run, script};
use std::path::{Path, PathBuf};

/// Files that the attendant has mapped.
fn mapped_files(server: &Foreground) -> Vec<PathBuf> {
    let path = format!("/proc/{}/maps", server.tree.attendant());
    let maps = std::fs::read_to_string(path).unwrap();
    let file = |line: &str| Some(PathBuf::from(&line[line.find('/')?..]));
    maps.lines().filter_map(file).collect()
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

/// Has the file stand in the list of what an earlier installation laid.
fn laid_before(prefix: &Path, file: &Path) {
    let list = prefix.join("lib/ser/manifest");
    let mut lines = std::fs::read_to_string(&list).unwrap();
    lines.push_str(&format!("{:064}  {}\n", 0, file.display()));
    std::fs::write(&list, lines).unwrap();
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
    laid_before(&prefix, &stale);
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
        "usr/lib/systemd/system/ser.service",
        "etc/ser/ser.cfg",
        "etc/init.d/ser",
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
fn files_of_the_system_that_nobody_has_changed_are_replaced() {
    let setup = Setup::new();
    let prefix = setup.path("opt");
    install(&prefix);
    // As an earlier version would have laid them.
    let init = prefix.join("etc/init.d/ser");
    let script = std::fs::read(&init).unwrap();
    std::fs::write(&init, "earlier\n").unwrap();
    let list = prefix.join("lib/ser/manifest");
    let lines = std::fs::read_to_string(&list).unwrap();
    let sum = String::from_utf8(run(sha256(&init)).stdout).unwrap();
    let sum = &sum[..64];
    let path = init.display().to_string();
    let line = |l: &str| match l.ends_with(&format!("  {path}")) {
        true => format!("{sum}  {path}\n"),
        false => format!("{l}\n"),
    };
    std::fs::write(&list, lines.lines().map(line).collect::<String>()).unwrap();
    let said = install(&prefix);
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(!said.contains("stays"), "{said}");
    assert_eq!(std::fs::read(&init).unwrap(), script);
}

fn sha256(path: &Path) -> std::process::Command {
    let mut command = std::process::Command::new("sha256sum");
    command.arg(path);
    command
}

#[test]
fn uninstall_takes_everything_away_but_what_somebody_has_changed() {
    let setup = Setup::new();
    let prefix = setup.path("opt");
    install(&prefix);
    let uninstall = || std::process::Command::new(prefix.join("lib/ser/uninstall"));
    std::fs::write(prefix.join("etc/ser/ser.cfg"), "# mine\n").unwrap();
    let said = run(uninstall());
    let said = String::from_utf8_lossy(&said.stdout);
    let cfg = prefix.join("etc/ser/ser.cfg");
    assert_eq!(said, format!("{} stays: it was changed\n", cfg.display()));
    assert_eq!(files(&prefix), std::slice::from_ref(&cfg));
    install(&prefix);
    std::fs::remove_file(&cfg).unwrap();
    run(uninstall());
    assert!(files(&prefix).is_empty(), "{:?}", files(&prefix));
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let below = entries.flat_map(|entry| match entry.path() {
        path if path.is_dir() => files(&path),
        path => vec![path],
    });
    below.collect()
}
