//! What USR1 makes the server tell, read out of its log.

use super::{Foreground, Setup, wait_until};
use nix::sys::signal::Signal;

/// The last line of an answer.
const LAST: &str = "bytes in total";

/// One answer.
#[derive(Debug)]
pub struct Dump {
    lines: Vec<String>,
}

impl Dump {
    /// Asks a server that logs to the file `err`.
    pub fn of(setup: &Setup, server: &Foreground) -> Dump {
        let before = setup.read("err").matches(LAST).count();
        server.signal(Signal::SIGUSR1);
        wait_until("the dump", || {
            setup.read("err").matches(LAST).count() > before
        });
        let log = setup.read("err");
        let start = log.rfind("Statistics:").expect("a dump begins with it");
        let lines = log[start..].lines().map(text).collect();
        Dump { lines }
    }

    /// The value behind `name=`; 0 if it is not there (counters at zero are left out).
    pub fn value(&self, name: &str) -> u64 {
        let wanted = format!("{name}=");
        let words = self.lines.iter().flat_map(|line| line.split([' ', ',']));
        let mut words = words.skip_while(|word| !word.starts_with(&wanted));
        let Some(word) = words.next() else { return 0 };
        let value = word[wanted.len()..].to_owned();
        // `used= 5` has a blank, `used+overhead=5` has none.
        let value = if value.is_empty() {
            words.next().unwrap_or("").to_owned()
        } else {
            value
        };
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} in {self:?}"))
    }

    /// Sum of all values whose name begins so.
    pub fn sum(&self, prefix: &str) -> u64 {
        let names = self
            .lines
            .iter()
            .filter_map(|line| line.trim().split_once('='));
        let names = names.filter(|(name, _)| name.starts_with(prefix));
        names.map(|(name, _)| self.value(name)).sum()
    }
}

/// Without `%2d(pid) ` in front.
fn text(line: &str) -> String {
    line.split_once(") ")
        .map_or(line, |(_, text)| text)
        .to_owned()
}
