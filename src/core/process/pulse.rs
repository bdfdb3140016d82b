//! What a timer process did lately, for its title: `timer 1200/s`, and how late it was.

use super::title;
use crate::core::stats::{Counter, count_n};
use crate::core::time::{TICKS_HZ, get_ticks_raw};

/// Ticks between two looks.
const PERIOD: u32 = 5 * TICKS_HZ;

/// Counts handlers and shows their rate in the title of the process, which is bare while none run.
#[derive(Debug)]
pub(super) struct Pulse {
    name: &'static str,
    counter: Counter,
    from: u32,
    runs: u32,
    late: u32,
    shown: (u32, u32),
}

impl Pulse {
    /// Of the process `name`; its handlers are counted in `counter`.
    pub(super) fn new(name: &'static str, counter: Counter) -> Pulse {
        Pulse {
            name,
            counter,
            from: get_ticks_raw(),
            runs: 0,
            late: 0,
            shown: (0, 0),
        }
    }

    /// So many handlers ran, `late` ticks after they were due at worst.
    pub(super) fn ran(&mut self, runs: u32, late: u32) {
        count_n(self.counter, runs.into());
        self.runs = self.runs.saturating_add(runs);
        self.late = self.late.max(late);
        let passed = get_ticks_raw().wrapping_sub(self.from);
        if passed >= PERIOD {
            self.show(passed);
        }
    }

    fn show(&mut self, ticks: u32) {
        let per_second = u64::from(self.runs) * u64::from(TICKS_HZ) / u64::from(ticks);
        let now = (u32::try_from(per_second).unwrap_or(u32::MAX), self.late);
        if now != self.shown {
            title::set(&text(self.name, now));
            self.shown = now;
        }
        (self.from, self.runs, self.late) = (get_ticks_raw(), 0, 0);
    }
}

fn text(name: &str, (per_second, late): (u32, u32)) -> String {
    match (per_second, late) {
        (0, 0) => name.to_owned(),
        (n, 0) => format!("{name} {n}/s"),
        (n, late) => format!("{name} {n}/s, {late} ticks late"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_bare_while_nothing_runs() {
        assert_eq!(text("timer", (0, 0)), "timer");
        assert_eq!(text("timer", (12, 0)), "timer 12/s");
        assert_eq!(text("slow timer", (12, 3)), "slow timer 12/s, 3 ticks late");
    }
}
