//! Live scaling: how many receivers a socket has, changed while the server runs.
//!
//! Invariant: the table is changed at once, or not at all where the wish cannot be granted; the processes
//! follow. No socket is ever left without a receiver.

use super::attendant::Attendant;
use super::orders::Answer;
use super::shared;
use super::table::{State, Table};
use crate::core::net::{self, Proto, SocketId, SocketInfo};
use crate::core::rpc::RpcFault;

/// Which receivers an order concerns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Concerned {
    /// Those of all sockets.
    All,
    /// Those of one.
    One(&'static SocketInfo),
}

impl Concerned {
    fn sockets(self) -> Vec<&'static SocketInfo> {
        match self {
            Concerned::All => net::listeners().udp.clone(),
            Concerned::One(socket) => vec![socket],
        }
    }
}

/// How far the receivers of a socket are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    running: usize,
    starting: usize,
    retiring: usize,
}

impl Counts {
    fn of(table: &Table, socket: &SocketInfo) -> Counts {
        let mut counts = Counts::default();
        for entry in table.entries().iter().filter(|e| e.receives_from(socket)) {
            match entry.state {
                State::Running(_) => counts.running += 1,
                State::Wanted | State::Starting(_) | State::Dead => counts.starting += 1,
                State::Retiring(_) => counts.retiring += 1,
            }
        }
        counts
    }

    fn is_settled(self) -> bool {
        self.starting == 0 && self.retiring == 0
    }
}

impl Attendant {
    /// Carries out an order: socket, line end, number.
    pub(super) fn order_children(&mut self, text: &[u8]) -> Result<Concerned, RpcFault> {
        if self.is_alone() {
            return Err(RpcFault::new(500, "There is one receiver in no-fork mode"));
        }
        let text = String::from_utf8_lossy(text);
        let (socket, wanted) = text.split_once('\n').unwrap_or((&text, ""));
        let (socket, wanted) = (socket.trim(), wanted.trim());
        if wanted.is_empty() {
            return match socket {
                "" | "." => Ok(Concerned::All),
                name => find_socket(name).map(Concerned::One),
            };
        }
        let socket = find_socket(socket)?;
        let bad = || RpcFault::new(400, format!("{wanted} is no number of children"));
        let wanted = wanted.parse().map_err(|_| bad())?;
        self.set_children(socket, wanted)
            .map_err(|why| RpcFault::new(400, why))?;
        self.auto_children.ordered(socket);
        Ok(Concerned::One(socket))
    }

    /// Makes it so many receivers.
    pub(super) fn set_children(
        &mut self,
        socket: &'static SocketInfo,
        wanted: usize,
    ) -> Result<(), String> {
        let name = shown(socket);
        if wanted == 0 {
            return Err(format!("{name} needs at least one receiver"));
        }
        let now = self.table.receivers(socket).count();
        if wanted != now {
            let more = wanted.saturating_sub(now);
            // Those that leave have their places until they are gone.
            shared::check_room(self.table.entries().len() + 1 + more)?;
            log::info!("INFO: receivers of {name}: {wanted} instead of {now}");
        }
        for _ in now..wanted {
            self.table.add_receiver(socket);
        }
        for _ in wanted..now {
            self.retire_last(socket);
        }
        Ok(())
    }

    /// The receiver with the highest number goes: numbers stay dense.
    fn retire_last(&mut self, socket: &SocketInfo) {
        let number = |e: &&super::table::Entry| e.child_number();
        let last = self.table.receivers(socket).max_by_key(number);
        if let Some(slot) = last.map(|e| e.slot) {
            self.retire(slot);
        }
    }

    /// One more receiver of each socket, or one less (TTIN, TTOU).
    pub(super) fn change_all(&mut self, more: bool) {
        if self.is_alone() {
            log::error!("ERROR: there is one receiver in no-fork mode");
            return;
        }
        for &socket in &net::listeners().udp {
            let now = self.table.receivers(socket).count();
            let wanted = if more { now + 1 } else { now - 1 };
            match self.set_children(socket, wanted) {
                Ok(()) => self.auto_children.ordered(socket),
                Err(why) => log::error!("ERROR: {why}"),
            }
        }
    }

    /// What to answer, once it is so: for each socket a line with protocol, name, address, port and how many
    /// receivers run, start and leave.
    pub(super) fn children_answer(&self, concerned: Concerned, impatient: bool) -> Option<Answer> {
        let mut text = String::new();
        for socket in concerned.sockets() {
            let counts = Counts::of(&self.table, socket);
            if !impatient && !counts.is_settled() {
                return None;
            }
            let (proto, name, address) = (socket.proto.name(), &socket.name, &socket.addr_str);
            let port = socket.port();
            let Counts {
                running,
                starting,
                retiring,
            } = counts;
            text += &format!("{proto} {name} {address} {port} {running} {starting} {retiring}\n");
        }
        Some(Ok(text.into_bytes()))
    }
}

/// The UDP socket that is meant: its number, `[udp:]host[:port]`, or nothing where there is one only. A dot
/// stands for nothing in the text protocol, where an empty line ends a request.
fn find_socket(text: &str) -> Result<&'static SocketInfo, RpcFault> {
    let udp = &net::listeners().udp;
    let found: Vec<_> = match (text, text.parse::<usize>()) {
        ("" | ".", _) => udp.iter().collect(),
        (_, Ok(number)) => udp.iter().filter(|s| s.index == number).collect(),
        (_, Err(_)) => {
            let bad = |why| RpcFault::new(400, format!("{text} is no socket: {why}"));
            let id = SocketId::parse(text).map_err(bad)?;
            udp.iter().filter(|socket| is_meant(&id, socket)).collect()
        }
    };
    match found[..] {
        [&socket] => Ok(socket),
        [] => Err(RpcFault::new(
            404,
            format!("there is no UDP socket {text}; {}", names(udp)),
        )),
        [..] => Err(RpcFault::new(
            400,
            format!("which UDP socket? {}", names(udp)),
        )),
    }
}

fn is_meant(id: &SocketId, socket: &SocketInfo) -> bool {
    id.proto.is_none_or(|proto| proto == Proto::Udp)
        && (id.host == socket.name || id.host == socket.addr_str)
        && id.port.is_none_or(|port| port == socket.port())
}

fn shown(socket: &SocketInfo) -> String {
    let (proto, port) = (socket.proto.name(), socket.port());
    format!("{proto}:{}:{port}", socket.addr_str)
}

fn names(udp: &[&'static SocketInfo]) -> String {
    let names = udp.iter();
    let names: Vec<_> = names
        .map(|socket| format!("{} is {}", socket.index, shown(socket)))
        .collect();
    names.join(", ")
}
