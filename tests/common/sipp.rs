//! sipp with the scenarios of `tests/sipp`.

use super::{PATIENCE, Setup, repository, wait_within};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running sipp; it ends with the test.
pub struct Sipp {
    name: String,
    child: Child,
    out: PathBuf,
}

impl Sipp {
    /// Plays the scenario `name` `calls` times against the server of `setup`, from `port` of 127.0.0.1. Datagrams
    /// of one call may overtake each other, as several processes carry them: what comes early is left to be
    /// repeated, not held against the call.
    pub fn start(setup: &Setup, name: &str, port: u16, calls: usize, more: &[&str]) -> Sipp {
        // Before anybody here loses patience, so that sipp can say what was missing.
        let patience = (2 * PATIENCE.as_secs() - 5).to_string();
        let calls = calls.to_string();
        let out = setup.path(&format!("{name}.out"));
        let options = [
            &["-m", &calls, "-r", "5000", "-l", "50"][..],
            &["-default_behaviors", "all,-abortunexp"],
            &["-buff_size", "1000000", "-timeout", &patience],
            more,
        ]
        .concat();
        let child = spawn(name, setup.port, port, &options, &out);
        let name = name.to_owned();
        Sipp { name, child, out }
    }

    /// Waits for its end: every call has to be as the scenario says.
    pub fn succeeds(mut self) {
        let mut status = None;
        wait_within(2 * PATIENCE, &self.name, || {
            status = self.child.try_wait().expect("state of sipp");
            status.is_some()
        });
        let status = status.expect("just seen");
        let said = std::fs::read_to_string(&self.out).unwrap_or_default();
        assert!(status.success(), "{}: {status}\n{said}", self.name);
    }
}

/// Starts sipp with the scenario `name`, on `port` of 127.0.0.1 and sending to the port `to`, in the folder of the file
/// `out` that takes what it says.
pub fn spawn(name: &str, to: u16, port: u16, options: &[&str], out: &Path) -> Child {
    let file = File::create(out).expect("a file for what sipp says");
    Command::new("sipp")
        .arg(format!("127.0.0.1:{to}"))
        .arg("-sf")
        .arg(repository("tests/sipp").join(format!("{name}.xml")))
        .args(["-i", "127.0.0.1", "-p", &port.to_string()])
        .args(["-nostdin", "-timeout_error"])
        .args(options)
        .current_dir(out.parent().expect("a folder"))
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a second handle"))
        .stderr(file)
        .spawn()
        .expect("sipp runs (Debian package sip-tester)")
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // Ended already: nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
