//! `core.replace`: a process is killed and another takes its place, whatever it is stuck in.

use super::attendant::Attendant;
use super::orders::Answer;
use super::table::State;
use crate::core::rpc::{RpcFault, RpcValue};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that was killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    slot: u16,
    pid: Pid,
}

impl Attendant {
    /// Carries out an order: the number of a process in the table, or its pid.
    pub(super) fn order_replace(&mut self, text: &[u8]) -> Result<Replaced, RpcFault> {
        let text = String::from_utf8_lossy(text);
        let number: i32 = text
            .trim()
            .parse()
            .map_err(|_| RpcFault::new(400, format!("{text} is no number of a process")))?;
        let attendant = std::process::id() as i32;
        if number == 0 || number == attendant {
            return Err(RpcFault::new(400, "The attendant cannot be replaced"));
        }
        let living = || self.table.alive().filter(|(entry, _)| entry.stays());
        // In a container pids may be as small as numbers of the table, which then count.
        let by_slot = living().find(|(entry, _)| i32::from(entry.slot) == number);
        let found = by_slot.or_else(|| living().find(|(_, pid)| pid.as_raw() == number));
        let (entry, pid) =
            found.ok_or_else(|| RpcFault::new(404, format!("There is no process {number}")))?;
        log::warn!(
            "WARNING: process {pid} ({}) is killed to be replaced, as ordered",
            entry.desc
        );
        let slot = entry.slot;
        kill(pid, Signal::SIGKILL).map_err(|why| RpcFault::new(500, format!("kill: {why}")))?;
        Ok(Replaced { slot, pid })
    }

    /// The number and the new pid, as soon as its replacement is at work.
    pub(super) fn replace_answer(&self, old: Replaced, impatient: bool) -> Option<Answer> {
        let mut entries = self.table.entries().iter();
        match entries.find(|e| e.slot == old.slot).map(|e| e.state) {
            Some(State::Running(pid)) if pid != old.pid => {
                Some(Ok(format!("{} {pid}", old.slot).into_bytes()))
            }
            None => Some(Err(RpcFault::new(410, "It was retired meanwhile"))),
            Some(_) if impatient => {
                let text = "It is killed, but no other has taken its place yet";
                Some(Err(RpcFault::new(504, text)))
            }
            Some(_) => None,
        }
    }
}

/// What [`Attendant::replace_answer`] says, as RPC tells it.
pub(super) fn show(answer: &[u8]) -> Vec<RpcValue> {
    let text = String::from_utf8_lossy(answer);
    let mut numbers = text.split(' ').map(|n| n.parse().unwrap_or(0));
    let mut next = || RpcValue::Int(numbers.next().unwrap_or(0));
    vec![RpcValue::Struct(vec![("slot", next()), ("pid", next())])]
}
