//! sipp, playing scenarios of `tests/sipp` against the stateful proxy.

use super::proxy::Proxy;
use super::{PATIENCE, sipp, wait_until};
use std::process::Child;
use std::time::{Duration, Instant};

/// A running sipp; it ends with the test.
pub struct Player<'a> {
    proxy: &'a Proxy,
    /// Scenario and port, which no two of a test share.
    name: String,
    child: Child,
}

impl<'a> Player<'a> {
    /// Plays a called phone once on `port`; returns when it listens.
    pub fn callee(proxy: &'a Proxy, scenario: &str, port: u16) -> Player<'a> {
        Player::once(proxy, scenario, port, &[])
    }

    /// Plays a calling phone once on `port`, for `user`.
    pub fn caller(proxy: &'a Proxy, scenario: &str, port: u16, user: &str) -> Player<'a> {
        Player::once(proxy, scenario, port, &["-s", user])
    }

    /// A message that the scenario does not expect fails it.
    fn once(proxy: &'a Proxy, scenario: &str, port: u16, more: &[&str]) -> Player<'a> {
        // Before anybody here loses patience, so that sipp can say what was missing.
        let patience = (PATIENCE.as_secs() - 5).to_string();
        let mut options = vec!["-m", "1", "-trace_msg", "-timeout", &patience];
        options.extend(more);
        Player::start(
            proxy,
            &format!("proxy/{scenario}"),
            port,
            proxy.port(),
            &options,
        )
    }

    /// Plays a scenario on `port`; its requests go to the port `to`.
    pub fn start(
        proxy: &'a Proxy,
        scenario: &str,
        port: u16,
        to: u16,
        options: &[&str],
    ) -> Player<'a> {
        let name = format!("{}.{port}", scenario.replace('/', "-"));
        let [err, msg, csv] = ["err", "msg", "csv"].map(|kind| format!("{name}.{kind}"));
        let traces = [
            &["-trace_err", "-error_file", &err, "-message_file", &msg][..],
            &["-trace_stat", "-fd", "1", "-stf", &csv],
            options,
        ]
        .concat();
        let out = proxy.setup.path(&format!("{name}.out"));
        let child = sipp::spawn(scenario, to, port, &traces, &out);
        let mut player = Player { proxy, name, child };
        wait_until("sipp listens", || {
            player.has_ended().is_some() || is_bound(port)
        });
        player
    }

    /// Waits for its end: everything was as the scenario says.
    pub fn succeeds(mut self) {
        let success = self.ends_within(PATIENCE);
        let complaints = self.complaints();
        let well = success && complaints.is_empty();
        assert!(
            well,
            "{}: {complaints}\n{}\n{}",
            self.name,
            self.read("msg"),
            self.proxy.log()
        );
    }

    /// Waits for its end; whether every call succeeded.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            if let Some(success) = self.has_ended() {
                return success;
            }
            assert!(
                start.elapsed() < limit,
                "{} takes too long: {}",
                self.name,
                self.complaints()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it says about messages that it did not expect.
    pub fn complaints(&self) -> String {
        self.read("err")
    }

    /// A number of its statistics, summed over the run.
    pub fn count(&self, name: &str) -> u64 {
        let table = self.read("csv");
        let fields = |line: &str| line.split(';').map(str::to_owned).collect::<Vec<_>>();
        let (first, last) = (table.lines().next(), table.lines().last());
        let (names, values) = (first.map(fields), last.map(fields));
        let wanted = format!("{name}(C)");
        let at = names.iter().flatten().position(|name| *name == wanted);
        let value = at.and_then(|at| values?.get(at)?.parse().ok());
        value.unwrap_or_else(|| panic!("{}: no {name} in its statistics", self.name))
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
