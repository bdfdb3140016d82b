//! A link: its listening socket, its clients, and what it does in each direction.

use crate::args::Ends;
use crate::client::{Client, bind};
use crate::dice::{Dice, Odds};
use crate::report::Direction;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Most clients of a link.
const CLIENTS: usize = 1000;

/// A link.
pub struct Link {
    /// Clients send to this one.
    pub socket: UdpSocket,
    /// Where it goes.
    pub target: SocketAddr,
    /// In the order in which they came.
    pub clients: Vec<Client>,
    by_address: HashMap<SocketAddr, usize>,
    /// Datagrams of clients that had no room.
    pub refused: u64,
    /// From clients to the target, and back.
    pub ways: [Way; 2],
}

/// One direction.
pub struct Way {
    /// Decides.
    pub dice: Dice,
    /// What was done.
    pub done: Direction,
}

impl Link {
    /// Binds it; `number` is its index.
    pub fn new(ends: Ends, odds: Odds, seed: u64, number: usize) -> io::Result<Link> {
        let way = |back| Way {
            dice: Dice::new(odds, seed, 2 * number + back),
            done: Direction::default(),
        };
        Ok(Link {
            socket: bind(ends.listen)?,
            target: ends.target,
            clients: Vec::new(),
            by_address: HashMap::new(),
            refused: 0,
            ways: [way(0), way(1)],
        })
    }

    /// The direction.
    pub fn way(&mut self, to_target: bool) -> &mut Way {
        &mut self.ways[usize::from(!to_target)]
    }

    /// Index of the client at an address, a new one if need be; `None` when there are too many.
    pub fn client(&mut self, address: SocketAddr) -> io::Result<Option<usize>> {
        if let Some(&known) = self.by_address.get(&address) {
            return Ok(Some(known));
        }
        if self.clients.len() == CLIENTS {
            return Ok(None);
        }
        let client = self.clients.len();
        self.clients.push(Client::new(address, self.target)?);
        self.by_address.insert(address, client);
        Ok(Some(client))
    }

    /// Sends a datagram on its last stretch and counts it.
    pub fn send(&mut self, client: usize, to_target: bool, bytes: &[u8]) {
        let there = &self.clients[client];
        let sent = if to_target {
            there.socket.send_to(bytes, self.target)
        } else {
            self.socket.send_to(bytes, there.address)
        };
        let done = &mut self.way(to_target).done;
        match sent {
            Ok(_) => done.sent += 1,
            // A network loses what it has no room for.
            Err(_) => done.unsent += 1,
        }
    }
}
