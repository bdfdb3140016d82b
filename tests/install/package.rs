//! The Debian package: built, installed in a system of its own, started, upgraded, removed.

use crate::common::{Setup, is_root, repository};
use crate::kit::{run, script};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Whether a file system can be laid over another here.
fn has_overlays() -> bool {
    let overlay = "t=$(mktemp -d) && mount -t tmpfs t $t && mkdir $t/u $t/w $t/m && \
                   mount -t overlay o -o lowerdir=/,upperdir=$t/u,workdir=$t/w $t/m";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "sh", "-c", overlay]);
    command.stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn the_debian_package_installs_serves_upgrades_and_goes_away() {
    if !is_root() || !has_overlays() {
        eprintln!("not root, or no overlays: no system to install the package in");
        return;
    }
    let setup = Setup::new();
    let mut build = script("package-deb");
    // It need not be small.
    build
        .arg(setup.dir.path())
        .env("DPKG_DEB_COMPRESSOR_TYPE", "none");
    run(build);
    let folder = setup.path("system");
    std::fs::create_dir(&folder).unwrap();
    let output = Command::new("sh")
        .arg(repository("tests/install/package.sh"))
        .arg(package(&setup))
        .arg(&folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.ends_with("== all is well\n"), "{out}\n{err}");
}

fn package(setup: &Setup) -> PathBuf {
    let entries = std::fs::read_dir(setup.dir.path()).unwrap().flatten();
    let mut paths = entries.map(|entry| entry.path());
    let package = paths.find(|path| path.extension().is_some_and(|e| e == "deb"));
    package.expect("a package was built")
}
