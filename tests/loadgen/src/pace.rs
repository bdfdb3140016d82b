//! When requests are due.

use std::time::Duration;

/// How the load is given.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Closed loop: this many requests are under way.
    Window(u64),
    /// This many requests in a second, evenly spaced, whatever the server does.
    Rate(u64),
}

impl Pace {
    /// How many requests are due `nanos` after the start, when `sent` were sent and `under_way` of them are not
    /// answered.
    pub fn due(self, nanos: u64, sent: u64, under_way: usize) -> u64 {
        match self {
            Pace::Window(window) => window.saturating_sub(under_way as u64),
            Pace::Rate(rate) => {
                let whole = u128::from(nanos) * u128::from(rate) / 1_000_000_000;
                u64::try_from(whole)
                    .unwrap_or(u64::MAX)
                    .saturating_sub(sent)
            }
        }
    }

    /// How long to leave the sockets alone when nothing has come: looking at a queue costs the one who fills it.
    /// In a closed loop answers may lie for a while, the window keeps the server busy; at a fixed rate the wait is
    /// part of the latency that is measured.
    pub fn rest(self) -> Duration {
        match self {
            Pace::Window(_) => Duration::from_micros(20),
            Pace::Rate(_) => Duration::from_micros(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_filled_up_and_a_rate_follows_the_clock() {
        assert_eq!(Pace::Window(64).due(0, 0, 60), 4);
        assert_eq!(Pace::Window(64).due(0, 0, 65), 0);
        let rate = Pace::Rate(1_000);
        assert_eq!(rate.due(999_999, 0, 0), 0);
        assert_eq!(rate.due(5_000_000, 2, 9), 3);
        assert_eq!(rate.due(5_000_000, 7, 0), 0);
    }
}
