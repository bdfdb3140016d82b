//! The processes of a tree as text, for the attendant that takes over.
//!
//! A line for each: slot, pid, rank, whether it is at work or leaves, what it is, its description. What it is, is told in
//! words that the next program understands, because functions and sockets are not the same there.

use crate::core::net::{self, SocketInfo};
use crate::core::process::hooks::ProcessSpec;
use crate::core::process::table::{Entry, Role, State};
use nix::unistd::Pid;

/// A process that was handed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub slot: u16,
    pub pid: Pid,
    pub rank: i32,
    pub leaves: bool,
    pub kind: String,
    pub desc: String,
}

/// The processes that live.
pub fn write<'e>(entries: impl Iterator<Item = &'e Entry>) -> String {
    let line = |e: &Entry| {
        let (pid, leaves) = match e.state {
            State::Starting(pid) | State::Running(pid) => (pid, !e.stays()),
            State::Retiring(pid) => (pid, true),
            State::Wanted | State::Dead => return None,
        };
        let (slot, rank, kind, leaves) = (e.slot, e.rank, kind(&e.role), u8::from(leaves));
        Some(format!("{slot} {pid} {rank} {leaves} {kind}\t{}\n", e.desc))
    };
    entries.filter_map(line).collect()
}

/// Reads what [`write`] wrote; `None`: it is something else.
pub fn read(text: &str) -> Option<Vec<Listed>> {
    text.lines().map(read_line).collect()
}

fn read_line(line: &str) -> Option<Listed> {
    let (line, desc) = line.split_once('\t')?;
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next();
    Some(Listed {
        slot: word()?.parse().ok()?,
        pid: Pid::from_raw(word()?.parse().ok()?),
        rank: word()?.parse().ok()?,
        leaves: word()? == "1",
        kind: word()?.to_owned(),
        desc: desc.to_owned(),
    })
}

const SLOW_TIMER: &str = "slow timer";
const TIMER: &str = "timer";
const RESOLVER: &str = "dns resolver";
const OTHER: &str = "other";
const MODULE: &str = "module";

fn kind(role: &Role) -> String {
    match role {
        Role::UdpReceiver(socket, child) => format!("udp {child} {} {}", socket.addr, socket.name),
        Role::SlowTimer => SLOW_TIMER.into(),
        Role::Timer => TIMER.into(),
        Role::DnsResolver => RESOLVER.into(),
        Role::Module(_) => MODULE.into(),
        Role::ConfigCheck | Role::Finisher | Role::Successor | Role::Former => OTHER.into(),
    }
}

impl Listed {
    /// What this process is here; [`Role::Former`]: there is no such thing here, it is to go. `specs`: the processes that
    /// modules want here, of which the one that is found is taken out.
    pub fn role(&self, resolver: bool, specs: &mut [ProcessSpec]) -> Role {
        match self.kind.as_str() {
            _ if self.leaves => Role::Former,
            SLOW_TIMER => Role::SlowTimer,
            TIMER => Role::Timer,
            RESOLVER if resolver => Role::DnsResolver,
            MODULE => self.module(specs).map_or(Role::Former, Role::Module),
            kind => receiver(kind).map_or(Role::Former, |(socket, child)| {
                Role::UdpReceiver(socket, child)
            }),
        }
    }

    fn module(&self, specs: &mut [ProcessSpec]) -> Option<fn()> {
        let is_it = |spec: &&mut ProcessSpec| {
            spec.count > 0 && spec.desc == self.desc && spec.rank == self.rank
        };
        let spec = specs.iter_mut().find(is_it)?;
        spec.count -= 1;
        Some(spec.run)
    }
}

fn receiver(kind: &str) -> Option<(&'static SocketInfo, u32)> {
    let mut words = kind.strip_prefix("udp ")?.splitn(3, ' ');
    let child = words.next()?.parse().ok()?;
    let (addr, name) = (words.next()?.parse().ok()?, words.next()?);
    let mut udp = net::listeners().udp.iter();
    let socket = udp.find(|s| s.addr == addr && s.name == name)?;
    Some((socket, child))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::process::table::Table;

    #[test]
    fn a_process_is_listed_while_it_lives() {
        let mut table = Table::timers_only();
        table.get_mut(1).unwrap().state = State::Running(Pid::from_raw(100));
        let text = write(table.entries().iter());
        assert_eq!(text, "1 100 -1 0 slow timer\tslow timer\n");
        let read = read(&text).unwrap();
        assert_eq!(read.len(), 1);
        assert!(matches!(read[0].role(false, &mut []), Role::SlowTimer));
        assert!(super::read("1 x\n").is_none());
    }

    #[test]
    fn what_does_not_exist_here_is_to_go_and_a_modules_process_is_found_once() {
        let spec = ProcessSpec {
            desc: "ctl handler".into(),
            rank: -2,
            count: 1,
            run: || {},
        };
        let listed = |kind: &str, desc: &str| Listed {
            slot: 3,
            pid: Pid::from_raw(100),
            rank: -2,
            leaves: false,
            kind: kind.into(),
            desc: desc.into(),
        };
        let mut specs = vec![spec];
        let mut is_former = |l: Listed| matches!(l.role(false, &mut specs), Role::Former);
        assert!(is_former(listed("module", "another")));
        assert!(!is_former(listed("module", "ctl handler")));
        assert!(is_former(listed("module", "ctl handler")));
        assert!(is_former(listed("udp 0 127.9.9.9:9 127.9.9.9", "receiver")));
        assert!(is_former(listed("dns resolver", "dns resolver")));
        assert!(is_former(Listed {
            leaves: true,
            ..listed("timer", "timer")
        }));
    }
}
