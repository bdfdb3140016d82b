//! sipp, playing a scenario of `tests/sipp/proxy` once and without mercy: a message that the scenario does not
//! expect, or that lacks what it checks, fails the test.

use super::proxy::{Proxy, repository};
use super::{PATIENCE, wait_until};
use std::fs::File;
use std::process::{Child, Command, Stdio};

/// A running sipp; it ends with the test.
pub struct Player<'a> {
    proxy: &'a Proxy,
    /// Scenario and port, which no two of a test share.
    name: String,
    child: Child,
}

impl<'a> Player<'a> {
    /// Plays a called phone on `port`; returns when it listens.
    pub fn callee(proxy: &'a Proxy, scenario: &str, port: u16) -> Player<'a> {
        Player::start(proxy, scenario, port, &[])
    }

    /// Plays a calling phone on `port`, for `user`.
    pub fn caller(proxy: &'a Proxy, scenario: &str, port: u16, user: &str) -> Player<'a> {
        Player::start(proxy, scenario, port, &["-s", user])
    }

    fn start(proxy: &'a Proxy, scenario: &str, port: u16, more: &[&str]) -> Player<'a> {
        let name = format!("{scenario}.{port}");
        let file = |kind: &str| proxy.setup.path(&format!("{name}.{kind}"));
        let out = File::create(file("out")).expect("a file for what sipp says");
        let child = Command::new("sipp")
            .arg(format!("127.0.0.1:{}", proxy.port()))
            .arg("-sf")
            .arg(repository("tests/sipp/proxy").join(format!("{scenario}.xml")))
            .args([
                "-i",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-m",
                "1",
                "-nostdin",
            ])
            // Before anybody here loses patience, so that sipp can say what was missing.
            .args([
                "-timeout",
                &(PATIENCE.as_secs() - 5).to_string(),
                "-timeout_error",
            ])
            .args(["-trace_err", "-error_file"])
            .arg(file("err"))
            .args(["-trace_msg", "-message_file"])
            .arg(file("msg"))
            .args(more)
            .current_dir(proxy.setup.dir.path())
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("sipp runs (Debian package sip-tester)");
        let mut player = Player { proxy, name, child };
        wait_until("sipp listens", || {
            player.has_ended().is_some() || is_bound(port)
        });
        player
    }

    /// Waits for its end: everything was as the scenario says.
    pub fn succeeds(mut self) {
        let mut success = None;
        let name = self.name.clone();
        wait_until(&name, || {
            success = self.has_ended();
            success.is_some()
        });
        let complaints = self.read("err");
        let well = success == Some(true) && complaints.is_empty();
        assert!(
            well,
            "{}: {complaints}\n{}\n{}",
            self.name,
            self.read("msg"),
            self.proxy.log()
        );
    }

    fn has_ended(&mut self) -> Option<bool> {
        let status = self.child.try_wait().expect("state of sipp");
        status.map(|status| status.success())
    }

    fn read(&self, kind: &str) -> String {
        self.proxy.setup.read(&format!("{}.{kind}", self.name))
    }
}

impl Drop for Player<'_> {
    fn drop(&mut self) {
        // Ended already: nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody has the UDP port.
fn is_bound(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/udp").expect("the table of sockets");
    let end = format!(":{port:04X}");
    let mut locals = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1));
    locals.any(|local| local.ends_with(&end))
}
