//! How many receivers a socket needs: what one message asks of a receiver ([`Service`]), and what messages meet
//! when a number of receivers share the work ([`predict`]).
//!
//! A socket with n children is a queue with n servers: arrivals are Poisson, the first message goes to the first child that
//! is free. A message needs CPU time, which all children together get from so many cores, and time in which
//! its child is blocked and needs none. docs/tuning-children.md explains the formulas and names their sources.
//!
//! Pure arithmetic: no clock, no shared memory, no I/O. Times are seconds, rates are per second.

mod advice;
mod capacity;
mod full;
mod observe;
mod predict;
mod service;
#[cfg(test)]
mod simulate;
mod wait;

pub use advice::{Advice, Broken, GROWTH, Limits, Reason, advise};
pub use observe::{Interval, Machine, Sample};
pub use predict::{Demand, Prediction, predict};
pub use service::{Kind, Measured, Service};
