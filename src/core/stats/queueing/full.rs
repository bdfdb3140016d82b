//! A queue in the kernel that is full, or will be: what it loses, and how long it makes messages wait.

/// Share of what the children can do from which on the queue is taken to be full all the time.
pub(super) const OVERLOADED: f64 = 0.99;

/// Probability that a message finds the queue full. `beyond`: that an endless queue would be longer, at a load
/// below [`OVERLOADED`].
///
/// There a queue that ends loses what an endless one would hold beyond its end (Tijms 9.7). A load that is too large
/// loses what is too much, and more while it is little too much, as a Brownian motion does between two walls.
pub(super) fn lost(used: f64, beyond: f64) -> f64 {
    let load = used.min(OVERLOADED);
    let random = (1.0 - load) * beyond / (1.0 - load * beyond);
    let too_much = 1.0 - 1.0 / used;
    if used < OVERLOADED || too_much.abs() < 1e-6 || random == 0.0 {
        return random.max(too_much);
    }
    too_much / (1.0 - (-too_much / random).exp())
}

/// The wait of a message that finds the queue full but for one place: as many service times as the queue holds,
/// shared by the children, which is nearly normally distributed.
pub(super) struct Full {
    pub mean: f64,
    deviation: f64,
}

impl Full {
    pub fn of(room: f64, times: &[(f64, f64)], children: usize) -> Full {
        let mean: f64 = times.iter().map(|t| t.0 * t.1).sum();
        let square: f64 = times.iter().map(|t| t.0 * t.0 * t.1).sum();
        let n = children as f64;
        Full {
            mean: room * mean / n,
            deviation: (room * (square - mean * mean).max(0.0)).sqrt() / n,
        }
    }

    /// With overload control, which lets in what can be served and so holds the wait between its limit and twice of that.
    pub fn or_refused(self, after: f64) -> Full {
        let refused = Full {
            mean: 1.5 * after,
            deviation: 0.1 * after,
        };
        if refused.mean < self.mean {
            refused
        } else {
            self
        }
    }

    pub fn longer_than(&self, time: f64) -> f64 {
        if self.mean.is_infinite() {
            return 1.0;
        }
        let x = (time - self.mean) / self.deviation.max(f64::MIN_POSITIVE);
        // Of the normal distribution, to three digits.
        0.5 - 0.5 * (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh()
    }
}
