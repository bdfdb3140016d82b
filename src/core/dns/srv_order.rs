//! The order in which the servers of an SRV set are tried (RFC 2782, "The format of the SRV RR").
//!
//! Ascending priority. Within one: with `dns_srv_lb` at random by weight, else the heaviest first (SER).

use super::MAX_DESTINATIONS;
use super::name::HostName;
use super::random::Rng;
use super::records::Srv;

/// One server, its name checked and copied out of the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub name: HostName,
}

/// The servers worth trying: those of the best priorities, as many as there may be destinations.
#[derive(Debug, Default)]
pub(super) struct Targets {
    list: [Option<Target>; MAX_DESTINATIONS],
    len: usize,
    /// The set said that the service is not offered.
    pub refused: bool,
}

impl Targets {
    /// Takes one in; a bad name is left out, and so is the worst when there are too many.
    pub fn add(&mut self, srv: &Srv<'_>) {
        if srv.target == b"." {
            self.refused = true;
            return;
        }
        let Ok(name) = HostName::parse(srv.target) else {
            log::warn!(
                "WARNING: bad SRV name: {}",
                String::from_utf8_lossy(srv.target)
            );
            return;
        };
        let target = Target {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            name,
        };
        let at = self.place_of(&target);
        if at < MAX_DESTINATIONS {
            let end = (self.len + 1).min(MAX_DESTINATIONS);
            self.list[at..end].rotate_right(1);
            self.list[at] = Some(target);
            self.len = end;
        }
    }

    /// Behind all that are as good: equals keep their order.
    fn place_of(&self, new: &Target) -> usize {
        let key = |t: &Target| (t.priority, u16::MAX - t.weight);
        self.list[..self.len]
            .iter()
            .flatten()
            .take_while(|t| key(t) <= key(new))
            .count()
    }

    /// Draws lots among servers of one priority.
    pub fn balance(&mut self, rng: &mut Rng) {
        let mut start = 0;
        while let Some(priority) = self.priority_at(start) {
            let mut end = start + 1;
            while self.priority_at(end) == Some(priority) {
                end += 1;
            }
            draw(&mut self.list[start..end], rng);
            start = end;
        }
    }

    fn priority_at(&self, at: usize) -> Option<u16> {
        let target = self.list.get(at)?.as_ref();
        target.map(|t| t.priority)
    }

    /// In the order to try.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.list[..self.len].iter().flatten()
    }
}

/// RFC 2782: those of weight 0 first, then again and again: a random number from 0 to the sum of the
/// weights left; the first whose running sum reaches it is next.
fn draw(group: &mut [Option<Target>], rng: &mut Rng) {
    let weight = |t: &Option<Target>| t.as_ref().map_or(0, |t| u32::from(t.weight));
    group.sort_by_key(|t| weight(t) > 0);
    for first in 0..group.len() {
        let rest = &mut group[first..];
        let mut lot = rng.up_to(rest.iter().map(weight).sum());
        let chosen = rest.iter().position(|t| match lot.checked_sub(weight(t)) {
            None | Some(0) => true,
            Some(left) => {
                lot = left;
                false
            }
        });
        rest[..=chosen.unwrap_or(0)].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(all: &[(u16, u16)]) -> Targets {
        let mut targets = Targets::default();
        for (i, &(priority, weight)) in all.iter().enumerate() {
            targets.add(&Srv {
                priority,
                weight,
                port: i as u16,
                target: b"a.example.org.",
            });
        }
        targets
    }

    fn order(targets: &Targets) -> Vec<u16> {
        targets.iter().map(|t| t.port).collect()
    }

    #[test]
    fn without_balancing_the_heaviest_of_the_best_priority_is_first() {
        let all = targets(&[(20, 9), (10, 1), (10, 5), (0, 0), (10, 5)]);
        assert_eq!(order(&all), [3, 2, 4, 1, 0]);
    }

    #[test]
    fn the_worst_priorities_are_left_out_when_there_are_too_many() {
        let all: Vec<_> = (0..40).map(|i| (40 - i, 0)).collect();
        let kept = order(&targets(&all));
        assert_eq!(kept, (24..40).rev().collect::<Vec<_>>());
    }

    #[test]
    fn lots_fall_by_weight_and_never_across_priorities() {
        let mut firsts = [0; 4];
        let mut rng = Rng(1);
        for _ in 0..10_000 {
            let mut all = targets(&[(1, 60), (1, 30), (1, 10), (2, 1000)]);
            all.balance(&mut rng);
            let order = order(&all);
            assert_eq!(order[3], 3);
            firsts[usize::from(order[0])] += 1;
        }
        // 60, 30, 10 of 101 chances each, some more for the first in the row; four deviations.
        assert!((5_750..6_350).contains(&firsts[0]), "{firsts:?}");
        assert!((2_750..3_200).contains(&firsts[1]), "{firsts:?}");
        assert!((850..1_150).contains(&firsts[2]), "{firsts:?}");
        assert_eq!(firsts[3], 0);
    }

    #[test]
    fn a_weight_of_zero_has_a_small_chance() {
        let mut rng = Rng(2);
        let mut zero_first = 0;
        for _ in 0..10_000 {
            let mut all = targets(&[(1, 0), (1, 99)]);
            all.balance(&mut rng);
            zero_first += u32::from(order(&all)[0] == 0);
        }
        assert!((50..180).contains(&zero_first), "{zero_first}");
    }

    #[test]
    fn a_single_dot_means_that_the_service_is_not_offered() {
        let mut all = Targets::default();
        all.add(&Srv {
            priority: 0,
            weight: 0,
            port: 0,
            target: b".",
        });
        assert!(all.refused);
        assert_eq!(all.iter().count(), 0);
    }
}
