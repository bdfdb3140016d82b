//! What was done, as JSON.

use crate::link::Link;
use std::fmt::Write;
use std::io;
use std::time::Duration;

/// Counts of one direction of a link.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Direction {
    /// Datagrams that came.
    pub received: u64,
    /// Of these, vanished.
    pub dropped: u64,
    /// Of these, doubled.
    pub duplicated: u64,
    /// Of these, held back.
    pub reordered: u64,
    /// Sent, copies included.
    pub sent: u64,
    /// Refused by the system when they were to be sent.
    pub unsent: u64,
    /// Still held back at the end.
    pub waiting: u64,
}

impl Direction {
    fn to_json(self) -> String {
        let Direction {
            received,
            dropped,
            duplicated,
            reordered,
            sent,
            unsent,
            waiting,
        } = self;
        format!(
            "{{\"received\": {received}, \"dropped\": {dropped}, \"duplicated\": {duplicated}, \
             \"reordered\": {reordered}, \"sent\": {sent}, \"unsent\": {unsent}, \"waiting\": {waiting}}}"
        )
    }
}

/// The line at the start: where it listens.
pub fn start(links: &[Link]) -> io::Result<String> {
    let mut line = String::from("{\"listen\": [");
    for (i, link) in links.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        // Writing to a string never fails.
        let _ = write!(line, "{comma}\"{}\"", link.socket.local_addr()?);
    }
    line.push_str("]}");
    Ok(line)
}

/// The line at the end.
pub fn end(links: &[Link], seed: u64, time: Duration) -> io::Result<String> {
    let mut line = format!(
        "{{\"seed\": {seed}, \"seconds\": {:.3}, \"links\": [",
        time.as_secs_f64()
    );
    for (i, link) in links.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        // Writing to a string never fails.
        let _ = write!(
            line,
            "{comma}{{\"listen\": \"{}\", \"target\": \"{}\", \"clients\": {}, \"refused\": {}, \
             \"to_target\": {}, \"to_client\": {}}}",
            link.socket.local_addr()?,
            link.target,
            link.clients.len(),
            link.refused,
            link.ways[0].done.to_json(),
            link.ways[1].done.to_json(),
        );
    }
    line.push_str("]}");
    Ok(line)
}
