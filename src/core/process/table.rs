//! The attendant's table of the processes that should exist.
//!
//! Invariant: the table says what is wanted, the state of an entry what is so; whoever starts, retires
//! or replaces processes changes the table and lets the attendant make it true. An entry keeps its slot,
//! rank and description for life, whichever pid fills it. Its slot is given to another entry only when it is
//! gone, which it is when its process was reaped and what that held is repaired.

use super::respawn::Respawn;
use super::retire::Leave;
use crate::core::net::SocketInfo;
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// Ranks given to `child_init` (SER's numbers); receivers have 1 and up.
pub mod rank {
    /// The attendant.
    pub const PROC_MAIN: i32 = 0;
    /// Timer, slow timer, dns resolver.
    pub const PROC_TIMER: i32 = -1;
    /// A process that serves RPC.
    pub const PROC_RPC: i32 = -2;
    /// Another name of [`PROC_RPC`].
    pub const PROC_FIFO: i32 = PROC_RPC;
    /// The process that accepts TCP connections.
    pub const PROC_TCP_MAIN: i32 = -4;
    /// The process of module unixsock.
    pub const PROC_UNIXSOCK: i32 = -5;
    /// The lowest rank.
    pub const PROC_MIN: i32 = -5;
    /// `child_init` is not called in this process.
    pub const PROC_NOCHLDINIT: i32 = -128;
}

/// What a process does.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Receives from one UDP socket; its number among the receivers of that socket.
    UdpReceiver(&'static SocketInfo, u32),
    /// Runs the slow timers.
    SlowTimer,
    /// Advances the clock and runs the fast timers.
    Timer,
    /// Looks names up.
    DnsResolver,
    /// Runs a module's function.
    Module(fn()),
    /// Reads another ser.cfg, tells what is wrong with it, and ends.
    ConfigCheck,
    /// Works on messages that another program passes on, which has the sockets.
    Finisher,
    /// The program that is to take over.
    Successor,
    /// A process of the program before that has no place here.
    Former,
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// No process yet, or no longer: one is forked as soon as [`Respawn`] allows it.
    Wanted,
    /// Forked; its `child_init` has not reported yet.
    Starting(Pid),
    /// At work.
    Running(Pid),
    /// Told to take no new work and to end; then its entry goes.
    Retiring(Pid),
    /// Its process died, and is not replaced.
    Dead,
}

/// One process that should exist.
#[derive(Debug)]
pub struct Entry {
    /// Its number in the process table and its slot in shared memory; 0 is the attendant.
    pub slot: u16,
    /// What it does.
    pub role: Role,
    /// What `child_init` gets.
    pub rank: i32,
    /// What `ps` and `core.ps` show.
    pub desc: String,
    /// Whether it is there.
    pub state: State,
    /// The deaths of its processes, and when the next one is forked.
    pub respawn: Respawn,
    /// How it is retired, if it is.
    pub leave: Option<Leave>,
    /// The generation of the configuration that its process was forked with.
    pub generation: u32,
    /// The slot of the process that is retired as soon as this one is at work.
    pub replaces: Option<u16>,
}

impl Entry {
    /// One that wants a process, of the oldest generation.
    pub fn new(slot: u16, role: Role, rank: i32, desc: String) -> Entry {
        Entry {
            slot,
            role,
            rank,
            desc,
            state: State::Wanted,
            respawn: Respawn::default(),
            leave: None,
            generation: 0,
            replaces: None,
        }
    }

    /// The pid, while there is a process.
    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Starting(pid) | State::Running(pid) | State::Retiring(pid) => Some(pid),
            State::Wanted | State::Dead => None,
        }
    }

    /// Whether it stays: it is not retired.
    pub fn stays(&self) -> bool {
        self.leave.is_none()
    }

    /// Whether it does one thing and ends: nobody takes its place.
    pub fn ends(&self) -> bool {
        matches!(self.role, Role::ConfigCheck | Role::Successor)
    }

    /// Whether it counts among those that are wanted: it stays, and is there for itself.
    fn counts(&self) -> bool {
        self.stays() && self.replaces.is_none()
    }

    /// The number of a receiver among those of its socket.
    pub fn child_number(&self) -> Option<u32> {
        match self.role {
            Role::UdpReceiver(_, child) => Some(child),
            Role::SlowTimer
            | Role::Timer
            | Role::DnsResolver
            | Role::Module(_)
            | Role::ConfigCheck
            | Role::Finisher
            | Role::Successor
            | Role::Former => None,
        }
    }

    /// Whether it receives from `socket`.
    pub fn receives_from(&self, socket: &SocketInfo) -> bool {
        matches!(self.role, Role::UdpReceiver(own, _) if std::ptr::eq(own, socket))
    }
}

/// The table. Slot 0 is the attendant itself and has no entry.
#[derive(Debug, Default)]
pub struct Table {
    /// In the order of their slots.
    entries: Vec<Entry>,
}

impl Table {
    /// The processes of a forking server: for each socket in order its receivers, then both timers.
    pub fn forking(udp: &[&'static SocketInfo], children: u32) -> Table {
        let mut table = Table::default();
        for &socket in udp {
            for _ in 0..children {
                table.add_receiver(socket);
            }
        }
        table.add_timers();
        table
    }

    /// The processes that a server without forked receivers has beside the main one.
    pub fn timers_only() -> Table {
        let mut table = Table::default();
        table.add_timers();
        table
    }

    /// Wants one more receiver of `socket`, with the lowest rank and number that no receiver has which stays.
    pub fn add_receiver(&mut self, socket: &'static SocketInfo) {
        let rank = self.free_rank();
        let own = self.receivers(socket);
        let children = own.filter_map(|e| Some(e.child_number()? as i32));
        let child = first_free(0, children.collect()) as u32;
        let desc = format!(
            "receiver child={child} sock={}:{}",
            socket.name,
            socket.port()
        );
        self.add(Role::UdpReceiver(socket, child), rank, desc);
    }

    /// The lowest rank of a receiver that nobody has who stays.
    pub fn free_rank(&self) -> i32 {
        let ranks = self.counting().map(|e| e.rank);
        first_free(1, ranks.collect())
    }

    fn counting(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.counts())
    }

    /// Wants a process that takes the place of the one of `slot`, which stays until it does.
    pub fn add_successor(&mut self, slot: u16) {
        let Some(entry) = self.entries.iter().find(|e| e.slot == slot) else {
            return;
        };
        let (role, rank, desc) = (entry.role, entry.rank, entry.desc.clone());
        let successor = self.add(role, rank, desc);
        if let Some(entry) = self.get_mut(successor) {
            entry.replaces = Some(slot);
        }
    }

    /// The slot of the process that is going to take the place of the one of `slot`.
    pub fn successor(&self, slot: u16) -> Option<u16> {
        let mut entries = self.entries.iter();
        entries.find(|e| e.replaces == Some(slot)).map(|e| e.slot)
    }

    /// The receivers of `socket` that stay.
    pub fn receivers(&self, socket: &SocketInfo) -> impl Iterator<Item = &Entry> {
        self.counting().filter(|e| e.receives_from(socket))
    }

    fn add_timers(&mut self) {
        self.add_missing(false);
    }

    /// Wants the process that looks names up.
    pub fn add_resolver(&mut self) {
        self.add(Role::DnsResolver, rank::PROC_TIMER, "dns resolver".into());
    }

    /// Wants one more process, in the lowest slot that nobody has, which is the result.
    pub fn add(&mut self, role: Role, rank: i32, desc: String) -> u16 {
        let taken = self.entries.iter().map(|e| i32::from(e.slot));
        let slot = first_free(1, taken.collect()) as u16;
        self.place(Entry::new(slot, role, rank, desc));
        slot
    }

    /// Puts an entry where it belongs; nobody else has its slot.
    pub fn place(&mut self, entry: Entry) {
        let at = self.entries.partition_point(|e| e.slot < entry.slot);
        self.entries.insert(at, entry);
    }

    /// Wants the processes of which there is one in every server, as far as they are not there.
    pub fn add_missing(&mut self, resolver: bool) {
        let has = |table: &Table, is_it: fn(&Role) -> bool| {
            table.entries.iter().any(|e| e.stays() && is_it(&e.role))
        };
        if !has(self, |role| matches!(role, Role::SlowTimer)) {
            self.add(Role::SlowTimer, rank::PROC_TIMER, "slow timer".into());
        }
        if !has(self, |role| matches!(role, Role::Timer)) {
            self.add(Role::Timer, rank::PROC_TIMER, "timer".into());
        }
        if resolver && !has(self, |role| matches!(role, Role::DnsResolver)) {
            self.add_resolver();
        }
    }

    /// Forgets an entry whose process is gone, or that never had one.
    pub fn remove(&mut self, slot: u16) {
        self.entries.retain(|e| e.slot != slot);
    }

    /// All entries in the order of their slots.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// The entry of a slot.
    pub fn get_mut(&mut self, slot: u16) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.slot == slot)
    }

    /// The entry that a pid fills.
    pub fn by_pid(&mut self, pid: Pid) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.pid() == Some(pid))
    }

    /// The next slot that wants a process now.
    pub fn wanted(&self, now: Instant) -> Option<u16> {
        let due = |e: &&Entry| e.state == State::Wanted && e.respawn.delay(now).is_zero();
        self.entries.iter().find(due).map(|e| e.slot)
    }

    /// How long until the next process is due; `None`: no entry wants one.
    pub fn next_due(&self, now: Instant) -> Option<Duration> {
        let wanted = self.entries.iter().filter(|e| e.state == State::Wanted);
        wanted.map(|e| e.respawn.delay(now)).min()
    }

    /// Whether a process has not reported yet.
    pub fn starting(&self) -> bool {
        self.entries
            .iter()
            .any(|e| matches!(e.state, State::Starting(_)))
    }

    /// Processes that exist now, with their pids.
    pub fn alive(&self) -> impl Iterator<Item = (&Entry, Pid)> {
        self.entries.iter().filter_map(|e| Some((e, e.pid()?)))
    }
}

/// The lowest number from `first` on that is not among `taken`.
fn first_free(first: i32, mut taken: Vec<i32>) -> i32 {
    taken.sort_unstable();
    let from = taken.partition_point(|&n| n < first);
    let run = taken[from..]
        .iter()
        .zip(first..)
        .take_while(|(n, i)| *n == i);
    first + run.count() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::net::Proto;

    fn socket(index: usize, name: &str, port: u16) -> &'static SocketInfo {
        let addr = format!("{name}:{port}").parse().unwrap();
        Box::leak(Box::new(SocketInfo::new(
            index,
            Proto::Udp,
            name.into(),
            addr,
        )))
    }

    #[test]
    fn receivers_come_first_with_one_counter_of_ranks_over_all_sockets() {
        let sockets = [socket(0, "127.0.0.1", 5990), socket(1, "127.0.0.2", 5992)];
        let table = Table::forking(&sockets, 2);
        let seen: Vec<_> = table
            .entries()
            .iter()
            .map(|e| (e.slot, e.rank, e.desc.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (1, 1, "receiver child=0 sock=127.0.0.1:5990"),
                (2, 2, "receiver child=1 sock=127.0.0.1:5990"),
                (3, 3, "receiver child=0 sock=127.0.0.2:5992"),
                (4, 4, "receiver child=1 sock=127.0.0.2:5992"),
                (5, -1, "slow timer"),
                (6, -1, "timer"),
            ]
        );
    }

    #[test]
    fn an_entry_is_wanted_until_it_has_a_process() {
        let mut table = Table::timers_only();
        let now = Instant::now();
        assert_eq!(table.wanted(now), Some(1));
        table.get_mut(1).unwrap().state = State::Starting(Pid::from_raw(100));
        assert_eq!(table.wanted(now), Some(2));
        assert!(table.starting());
        let entry = table.by_pid(Pid::from_raw(100)).unwrap();
        entry.state = State::Dead;
        assert!(!table.starting());
        assert_eq!(table.alive().count(), 0);
    }

    #[test]
    fn ranks_numbers_and_slots_that_came_free_are_given_again() {
        let sockets = [socket(0, "127.0.0.1", 5990), socket(1, "127.0.0.2", 5992)];
        let mut table = Table::forking(&sockets, 2);
        table.get_mut(2).unwrap().leave = Some(Leave::now());
        table.add_receiver(sockets[0]);
        let added = table.entries().last().unwrap();
        // The slot of the one that leaves is not free yet.
        assert_eq!((added.slot, added.rank), (7, 2));
        assert_eq!(added.desc, "receiver child=1 sock=127.0.0.1:5990");
        table.remove(2);
        table.add_receiver(sockets[1]);
        let added = table.get_mut(2).unwrap();
        assert_eq!((added.slot, added.rank), (2, 5));
        assert_eq!(added.desc, "receiver child=2 sock=127.0.0.2:5992");
        assert_eq!(table.receivers(sockets[1]).count(), 3);
    }

    #[test]
    fn the_attendant_itself_has_no_entry() {
        assert!(Table::timers_only().get_mut(0).is_none());
    }
}
