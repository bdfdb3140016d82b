//! Datagrams that are held back, in the order in which they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Where a datagram goes: through which link, which client, which way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Route {
    /// Index of the link.
    pub link: usize,
    /// Index of the client in the link.
    pub client: usize,
    /// From the client to the target, or back.
    pub to_target: bool,
}

/// A datagram on hold. The order is that of the fields.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Held {
    due: Instant,
    /// Of two that are due together the older one goes first.
    number: u64,
    /// Where it goes.
    pub route: Route,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// The queue.
#[derive(Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Held>>,
    number: u64,
}

impl Queue {
    /// Holds a datagram back until `due`.
    pub fn hold(&mut self, due: Instant, route: Route, bytes: &[u8]) {
        self.number += 1;
        self.heap.push(Reverse(Held {
            due,
            number: self.number,
            route,
            bytes: bytes.to_vec(),
        }));
    }

    /// The next one that is due at `now`.
    pub fn take(&mut self, now: Instant) -> Option<Held> {
        let Reverse(next) = self.heap.peek()?;
        if next.due > now {
            return None;
        }
        self.heap.pop().map(|Reverse(held)| held)
    }

    /// How long until the next one is due.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        let Reverse(next) = self.heap.peek()?;
        Some(next.due.saturating_duration_since(now))
    }

    /// What is left when the run is over.
    pub fn rest(&self) -> impl Iterator<Item = Route> {
        self.heap.iter().map(|Reverse(held)| held.route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_leaves_first_and_nothing_leaves_early() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let route = Route {
            link: 0,
            client: 0,
            to_target: true,
        };
        let mut queue = Queue::default();
        for (ms, text) in [(20, "c"), (10, "a"), (10, "b")] {
            queue.hold(after(ms), route, text.as_bytes());
        }
        assert_eq!(queue.pause(start), Some(Duration::from_millis(10)));
        assert!(queue.take(after(9)).is_none());
        let taken: Vec<_> = std::iter::from_fn(|| queue.take(after(15))).collect();
        let texts: Vec<_> = taken.iter().map(|held| held.bytes.as_slice()).collect();
        assert_eq!(texts, [b"a", b"b"]);
        assert_eq!(
            (queue.rest().count(), queue.pause(after(30))),
            (1, Some(Duration::ZERO))
        );
    }
}
