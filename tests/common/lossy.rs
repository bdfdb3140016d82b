//! The bad network in a box (`tests/lossy`).

use super::{modules_dir, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running relay; it ends with the test.
pub struct Lossy {
    child: Child,
    out: BufReader<ChildStdout>,
    /// The port of each link, in the order in which they were asked for.
    pub ports: Vec<u16>,
}

impl Lossy {
    /// One link to each port of `targets`; `options` say how bad it is and for how long.
    pub fn start(targets: &[u16], options: &[&str]) -> Lossy {
        let path = modules_dir().join("lossy");
        assert!(
            path.exists(),
            "{} is missing: cargo build --workspace makes it",
            path.display()
        );
        let mut command = Command::new(path);
        for target in targets {
            command
                .arg("--link")
                .arg(format!("127.0.0.1:0=127.0.0.1:{target}"));
        }
        let child = command.args(options).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the relay starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("its addresses");
        let ports = numbers(&line, "\"127.0.0.1:");
        assert_eq!(ports.len(), targets.len(), "{line}");
        let ports = ports.iter().map(|&port| port as u16).collect();
        Lossy { child, out, ports }
    }

    /// Ends it; its report, a line of JSON.
    pub fn end(mut self) -> String {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).expect("it runs");
        wait_until("the relay ends", || {
            self.child.try_wait().expect("its state").is_some()
        });
        let mut report = String::new();
        self.out.read_to_string(&mut report).expect("its report");
        report
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        // Ended already: nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The numbers behind each `mark` in a text.
pub fn numbers(text: &str, mark: &str) -> Vec<u64> {
    let digits = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    text.split(mark).skip(1).filter_map(digits).collect()
}
