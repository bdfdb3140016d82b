//! The requests that have been sent and not been answered yet.
//!
//! Invariant: `under_way` is the number of places that are taken; all of them have numbers between `oldest` and
//! `next`.

/// A table of requests under way, by number.
pub struct Flights {
    /// When it was sent, ns + 1; 0: the place is free.
    sent: Box<[u64]>,
    oldest: u64,
    next: u64,
    under_way: usize,
}

impl Flights {
    /// None under way; the next request has the number `first`. More than `places` are never under way.
    pub fn new(first: u64, places: usize) -> Flights {
        Flights {
            sent: vec![0; places].into(),
            oldest: first,
            next: first,
            under_way: 0,
        }
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// The number that the next request gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes off at `now`, in ns; its number, or `None` when its place is still taken.
    pub fn open(&mut self, now: u64) -> Option<u64> {
        let number = self.next;
        let sent = self.sent_mut(number);
        if *sent != 0 {
            return None;
        }
        *sent = now + 1;
        self.next += 1;
        self.under_way += 1;
        Some(number)
    }

    /// Lands at `now`: how long it took, in ns; `None` when it is not under way.
    pub fn close(&mut self, number: u64, now: u64) -> Option<u64> {
        if !self.is_under_way(number) {
            return None;
        }
        let took = self.age(number, now);
        *self.sent_mut(number) = 0;
        self.under_way -= 1;
        Some(took)
    }

    /// Whether it has been sent and neither answered nor given up.
    pub fn is_under_way(&self, number: u64) -> bool {
        (self.oldest..self.next).contains(&number) && self.sent[self.place(number)] != 0
    }

    /// How long one that is under way has been so at `now`, in ns.
    pub fn age(&self, number: u64, now: u64) -> u64 {
        let sent = self.sent[self.place(number)];
        (now + 1).saturating_sub(sent)
    }

    /// Gives up what was sent more than `timeout` ns before `now`; the number of them.
    pub fn expire(&mut self, now: u64, timeout: u64) -> u64 {
        let mut lost = 0;
        while self.oldest < self.next {
            let sent = self.sent_mut(self.oldest);
            if *sent != 0 {
                if now.saturating_sub(*sent - 1) <= timeout {
                    break;
                }
                *sent = 0;
                self.under_way -= 1;
                lost += 1;
            }
            self.oldest += 1;
        }
        lost
    }

    fn place(&self, number: u64) -> usize {
        number as usize % self.sent.len()
    }

    fn sent_mut(&mut self, number: u64) -> &mut u64 {
        &mut self.sent[number as usize % self.sent.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_while_it_is_waited_for() {
        let mut flights = Flights::new(7, 16);
        assert_eq!(flights.open(100), Some(7));
        assert_eq!(flights.open(200), Some(8));
        assert_eq!(flights.close(9, 300), None);
        assert_eq!(flights.close(8, 350), Some(150));
        assert_eq!(flights.close(8, 360), None);
        assert_eq!(flights.under_way(), 1);
        assert_eq!(flights.expire(1_100, 1_000), 0);
        assert_eq!(flights.expire(1_101, 1_000), 1);
        assert_eq!(flights.close(7, 1_200), None);
        assert_eq!(flights.under_way(), 0);
    }

    #[test]
    fn a_place_is_not_taken_twice() {
        let mut flights = Flights::new(0, 16);
        for _ in 0..16 {
            assert!(flights.open(0).is_some());
        }
        assert_eq!(flights.open(0), None);
        assert_eq!(flights.close(0, 1), Some(1));
        assert_eq!(flights.open(2), Some(16));
    }
}
