//! A dialog as bytes, for shared memory: a version, numbers, and texts with their lengths.

use super::{Dialog, DialogState, Party};
use crate::core::msg::{Bump, BumpVec};
use crate::core::net::{SocketInfo, socket_by_number};

/// First byte; another one is the row of another version of the server.
const VERSION: u8 = 1;
/// In the place of a socket: none.
const NO_SOCKET: u16 = u16::MAX;
const STATES: [DialogState; 4] = [
    DialogState::New,
    DialogState::Early,
    DialogState::Confirmed,
    DialogState::Destroyed,
];

impl<'a> Dialog<'a> {
    /// As bytes.
    pub fn pack<'p>(&self, arena: &'p Bump) -> &'p [u8] {
        let mut out = BumpVec::with_capacity_in(512, arena);
        out.push(VERSION);
        out.push(self.state as u8);
        out.push(u8::from(self.secure) | u8::from(self.remote_seq.is_some()) << 1);
        let socket = self.socket.map_or(NO_SOCKET, SocketInfo::number);
        out.extend_from_slice_copy(&socket.to_le_bytes());
        for number in [self.local_seq, self.remote_seq.unwrap_or(0)] {
            out.extend_from_slice_copy(&number.to_le_bytes());
        }
        for text in self.texts() {
            out.extend_from_slice_copy(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice_copy(text);
        }
        out.into_bump_slice()
    }

    fn texts(&self) -> [&'a [u8]; 10] {
        let (local, remote) = (self.local, self.remote);
        [
            self.call_id,
            local.display,
            local.uri,
            local.tag,
            remote.display,
            remote.uri,
            remote.tag,
            self.target,
            self.route_set,
            self.dst_uri,
        ]
    }

    /// Back from [`Dialog::pack`]; `None`: these bytes are no dialog.
    pub fn unpack(bytes: &'a [u8]) -> Option<Dialog<'a>> {
        let mut row = Row(bytes);
        let [version, state, flags] = row.take()?;
        if version != VERSION {
            return None;
        }
        let state = *STATES.get(usize::from(state))?;
        let socket = u16::from_le_bytes(row.take()?);
        let (local_seq, remote_seq) = (row.number()?, row.number()?);
        let call_id = row.text()?;
        let (local, remote) = (row.party()?, row.party()?);
        Some(Dialog {
            state,
            call_id,
            local,
            remote,
            local_seq,
            remote_seq: (flags & 2 != 0).then_some(remote_seq),
            target: row.text()?,
            route_set: row.text()?,
            dst_uri: row.text()?,
            secure: flags & 1 != 0,
            socket: (socket != NO_SOCKET)
                .then(|| socket_by_number(socket))
                .flatten(),
        })
    }
}

struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.number()? as usize;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(text)
    }

    fn party(&mut self) -> Option<Party<'a>> {
        Some(Party {
            display: self.text()?,
            uri: self.text()?,
            tag: self.text()?,
        })
    }
}
