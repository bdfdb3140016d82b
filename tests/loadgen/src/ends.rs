//! What the loop of a run drives: the phones at both ends of the server.

use crate::counts::Counts;
use crate::histogram::Histogram;
use std::io;

/// Both ends of what a run plays.
pub trait Ends {
    /// Starts up to `due` requests or calls at `now`, a batch at most.
    fn start(&mut self, due: u64, now: u64) -> io::Result<()>;

    /// Takes what has come, checks it and answers it; how many datagrams there were. `clock` tells the time once
    /// they are here.
    fn step(&mut self, clock: &dyn Fn() -> u64) -> io::Result<usize>;

    /// Gives up what waits longer than `timeout` ns.
    fn expire(&mut self, now: u64, timeout: u64);

    /// How many are under way.
    fn under_way(&self) -> usize;

    /// The number that the next one gets.
    fn next(&self) -> u64;

    /// The result so far.
    fn counts(&self) -> Counts;

    /// How long the right ones took.
    fn latency(&self) -> &Histogram;
}
