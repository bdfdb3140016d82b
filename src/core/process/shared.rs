//! The process table as everybody sees it, in shared memory (SER's `pt` and `process_count`).
//!
//! Invariant: only the attendant writes an entry, except that a process may describe itself anew;
//! an entry's slot is the slot of the attendant's own table.

use super::hooks;
use crate::core::{settings, stats};
use crate::ipc::{
    self, FIRST_THREAD_SLOT, ProcEntry, ProcState, ProcTable, RawShmMutex, Reclaimed,
    recover_processes, set_stuck_hook,
};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::sync::OnceLock;
use std::time::Duration;

/// Entries kept free at least for processes that are added while the server runs.
const SPARE: usize = 32;

static TABLE: OnceLock<&'static ProcTable> = OnceLock::new();
/// The entry of this process, if it is a child.
static MINE: OnceLock<&'static ProcEntry> = OnceLock::new();

/// One line of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessInfo {
    /// Number in the table; 0 is the attendant.
    pub slot: u16,
    /// Its pid.
    pub pid: i32,
    /// Its rank.
    pub rank: i32,
    /// What it is.
    pub desc: String,
    /// How many processes with this number died before.
    pub restarts: u32,
    /// It does not come to an end with what it does.
    pub stuck: bool,
}

/// Makes the table for `tree` processes beside the attendant, for what modules announced, and some
/// more. After the modules' `init`, before the first fork.
pub(super) fn create(tree: usize) -> Result<(), String> {
    let wanted = 1 + tree + hooks::registered_procs() as usize;
    // Twice as many as there are at first: children are added while the server runs.
    let size = (wanted + wanted.max(SPARE)).min(usize::from(FIRST_THREAD_SLOT));
    let full = |_| "out of shared memory for the process table".to_string();
    let table = ProcTable::create(size).map_err(full)?;
    let size = table.capacity();
    stats::create(size).map_err(full)?;
    if settings::get().script_stats {
        stats::script::create(size).map_err(full)?;
    }
    TABLE.get_or_init(|| table);
    set_stuck_hook(rescue_from_the_dead);
    // Where there is an attendant in office, this is none yet.
    if let Some(attendant) = table.entry(0).filter(|_| !ipc::is_taken_over()) {
        attendant.set_desc("main");
        attendant.set_pid(std::process::id() as i32);
        attendant.set_state(ProcState::Running);
    }
    check_room(wanted)
}

/// Whether the table has room for so many processes.
pub(super) fn check_room(processes: usize) -> Result<(), String> {
    let limit = max_procs();
    if processes <= limit {
        return Ok(());
    }
    Err(format!(
        "Process limit of {limit} exceeded: {processes} processes wanted"
    ))
}

/// Makes this process the one of `slot`.
pub(super) fn enter(slot: u16) {
    ipc::set_process_slot(slot);
    if let Some(entry) = TABLE.get().and_then(|table| table.entry(slot)) {
        MINE.get_or_init(|| entry);
    }
}

/// Whether the attendant has forked this process; false in the attendant itself, and in one that is to take over.
pub fn is_child() -> bool {
    MINE.get().is_some()
}

/// Notes whether this process waits for work.
#[inline]
pub(super) fn set_waiting(waiting: bool) {
    if let Some(entry) = MINE.get() {
        entry.set_waiting(waiting);
    }
}

/// Whether this process is retired.
#[inline]
pub(super) fn is_retiring() -> bool {
    MINE.get()
        .is_some_and(|entry| entry.state() == ProcState::Stopping)
}

/// Tells the process of `slot` that it is retired; whether it waits for work, and has to be nudged.
pub(super) fn retire(slot: u16) -> bool {
    let entry = TABLE.get().and_then(|table| table.entry(slot));
    entry.is_some_and(|entry| {
        entry.set_state(ProcState::Stopping);
        entry.is_waiting()
    })
}

/// Nobody has this slot any more: its process was retired, and what it held is repaired.
pub(super) fn vacate(slot: u16) {
    if let Some(entry) = TABLE.get().and_then(|table| table.entry(slot)) {
        entry.clear();
    }
}

/// Writes what the process of `slot` is; a module may give its process another description.
pub fn describe(slot: u16, rank: i32, desc: &str) {
    if let Some(entry) = TABLE.get().and_then(|table| table.entry(slot)) {
        entry.set_rank(rank);
        entry.set_desc(desc);
    }
}

/// The process of `slot` was forked.
pub(super) fn started(slot: u16, pid: i32) {
    if let Some(table) = TABLE.get()
        && let Some(entry) = table.entry(slot)
    {
        entry.set_pid(pid);
        entry.set_state(ProcState::Starting);
        entry.next_generation();
        table.count_up();
    }
}

/// The process of `slot` did its `child_init`.
pub(super) fn running(slot: u16) {
    if let Some(entry) = TABLE.get().and_then(|table| table.entry(slot)) {
        entry.set_state(ProcState::Running);
    }
}

/// The process of `slot` does not come to an end with what it does, or does again.
pub(super) fn set_stuck(slot: u16, stuck: bool) {
    if let Some(entry) = TABLE.get().and_then(|table| table.entry(slot)) {
        entry.set_stuck(stuck);
    }
}

/// The process of `slot` is dead, and was reaped.
pub(super) fn died(slot: u16) {
    if let Some(table) = TABLE.get()
        && let Some(entry) = table.entry(slot)
    {
        entry.set_state(ProcState::Dead);
        entry.set_waiting(false);
        entry.set_stuck(false);
        entry.set_pid(0);
        table.count_down();
    }
}

/// Repairs what the processes `dead` left half-done in shared memory, and takes their locks away, so that nobody
/// waits for them.
pub(super) fn recover(dead: &[u16]) {
    for (slot, found) in dead.iter().zip(recover_processes(dead)) {
        for rank in &found.locks {
            log::warn!("WARNING: released the {rank} that process {slot} held");
        }
        let Reclaimed { blocks, unknown } = found.memory;
        if blocks > 0 {
            log::info!("INFO: {blocks} blocks of shared memory of process {slot} given back");
        }
        if unknown > 0 {
            log::warn!("WARNING: {unknown} blocks of shared memory of process {slot} may be lost");
        }
    }
}

/// In the attendant, which waits for a lock: if its owner is dead, it cannot be reaped before; so what the lock
/// protects is repaired here.
fn rescue_from_the_dead(lock: &RawShmMutex, owner: u16) {
    if ipc::process_slot() == 0 && is_dead(owner) {
        ipc::rescue(lock, owner);
    }
}

/// In the attendant in office: the process `successor` of `slot` takes its place, and gives it its own.
pub(super) fn hand_over(slot: u16, successor: i32) {
    if let Some(table) = TABLE.get()
        && let (Some(office), Some(former)) = (table.entry(0), table.entry(slot))
    {
        former.set_desc("former attendant");
        former.set_state(ProcState::Stopping);
        former.set_pid(std::process::id() as i32);
        office.set_pid(successor);
    }
}

/// In the attendant that handed over to the process of `slot`, which is dead: it is in office again.
pub(super) fn take_office(slot: u16) {
    if let Some(table) = TABLE.get()
        && let (Some(office), Some(former)) = (table.entry(0), table.entry(slot))
    {
        office.set_pid(std::process::id() as i32);
        office.set_desc("attendant");
        former.set_pid(0);
        table.count_down();
    }
}

/// Whether the process of `slot` counts as living.
pub(super) fn is_listed(slot: u16) -> bool {
    let entry = TABLE.get().and_then(|table| table.entry(slot));
    entry.is_some_and(|entry| entry.pid() != 0)
}

/// Ends every process that is neither the attendant nor in one of these slots: their attendant is dead. Their slots.
pub(super) fn end_others(known: &[u16]) -> Vec<u16> {
    let entries = TABLE.get().into_iter().flat_map(|table| table.iter());
    let others = entries.filter(|(slot, e)| *slot != 0 && e.pid() != 0 && !known.contains(slot));
    let others: Vec<(u16, i32)> = others.map(|(slot, e)| (slot, e.pid())).collect();
    for &(slot, pid) in &others {
        end_process(Pid::from_raw(pid));
        died(slot);
    }
    others.into_iter().map(|(slot, _)| slot).collect()
}

/// Waits a moment for the end of a process that is not this one's child, then kills it.
pub(super) fn end_process(pid: Pid) {
    for round in 0..200 {
        if has_ended(pid) {
            return;
        }
        if round == 100 {
            // It may have ended meanwhile.
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    log::error!("ERROR: process {pid} does not end");
}

/// Whether a process that may not be this one's child has ended: it is gone, or nobody has waited for it yet.
fn has_ended(pid: Pid) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The state stands behind the name, which is in parentheses.
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    matches!(state, Some('Z' | 'X'))
}

/// Whether the process of `slot` has ended and was not reaped.
fn is_dead(slot: u16) -> bool {
    let pid = TABLE
        .get()
        .and_then(|table| table.entry(slot))
        .map(|e| e.pid());
    let Some(pid @ 1..) = pid else { return false };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let state = waitid(Id::Pid(Pid::from_raw(pid)), flags);
    match state {
        Ok(state) => state != WaitStatus::StillAlive,
        // A child of the program that this one takes over from.
        Err(_) => has_ended(Pid::from_raw(pid)),
    }
}

/// How many processes the tree has, the attendant included.
pub fn process_count() -> u32 {
    TABLE.get().map_or(0, |table| table.process_count())
}

/// How many processes the table has room for (SER's get_max_procs); 0 before it exists.
pub fn max_procs() -> usize {
    TABLE.get().map_or(0, |table| table.capacity())
}

/// All processes that live, in the order of their numbers.
pub fn processes() -> Vec<ProcessInfo> {
    let entries = TABLE.get().into_iter().flat_map(|table| table.iter());
    let living = entries.filter(|(_, entry)| entry.pid() != 0);
    let shown = living.map(|(slot, entry)| ProcessInfo {
        slot,
        pid: entry.pid(),
        rank: entry.rank(),
        desc: entry.desc(),
        restarts: entry.generation().saturating_sub(1),
        stuck: entry.is_stuck(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_who_lives_with_rank_and_description() {
        ipc::test_segment();
        create(4).unwrap();
        let find = |slot| processes().into_iter().find(|p| p.slot == slot);
        assert_eq!(find(0).unwrap().desc, "main");
        describe(3, -1, "slow timer");
        assert_eq!(find(3), None);
        started(3, 4711);
        let shown = find(3).unwrap();
        assert_eq!((shown.pid, shown.rank), (4711, -1));
        assert_eq!(shown.desc, "slow timer");
        assert_eq!(process_count(), 2);
        died(3);
        recover(&[3]);
        assert_eq!(process_count(), 1);
        assert_eq!(find(3), None);
        assert!(check_room(max_procs()).is_ok());
        assert!(check_room(max_procs() + 1).is_err());
    }
}
