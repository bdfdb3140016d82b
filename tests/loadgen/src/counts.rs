//! What came of a run.

/// Numbers of requests, or of calls.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Requests sent, calls begun.
    pub sent: u64,
    /// Right answers in time; calls that took every step.
    pub ok: u64,
    /// No answer in time.
    pub lost: u64,
    /// Answers that are not what was asked for: another status, another Call-ID, headers that are wrong.
    pub bad: u64,
    /// Datagrams that nobody waits for: too late, twice, or not ours.
    pub stray: u64,
    /// Requests that reached the callee in a wrong form.
    pub badly_forwarded: u64,
}
