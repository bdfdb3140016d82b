//! One binding as it lies in shared memory: its texts in one block, its numbers beside them.
//!
//! Invariant: the block begins with the length of each text (u32 each, native order), so it explains
//! itself; a change of texts is the change of one handle.

use ser::core::module::api::usrloc::{ContactInfo, Full};
use ser::core::net::{self, SocketInfo};
use ser::ipc::{ShmStr, ShmTag};
use std::cell::RefCell;

const TEXTS: usize = 7;
const HEADER: usize = TEXTS * 4;
/// `socket` where there is none.
const NO_SOCKET: u32 = u32::MAX;

ser::shm_struct! {
    /// One binding.
    pub struct Contact {
        texts: ShmStr,
        pub expires: i64,
        q: i32,
        cseq: u32,
        flags: u32,
        socket: u32,
    }
}

thread_local! {
    /// Where the block is put together before it is copied; keeps its capacity.
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The texts of a binding, in the order in which they are kept.
pub fn texts_of<'c>(info: &ContactInfo<'c>) -> [&'c [u8]; TEXTS] {
    [
        info.uri,
        info.aor,
        info.received,
        info.instance,
        info.user_agent,
        info.call_id,
        info.avps,
    ]
}

fn pack(info: &ContactInfo<'_>, tag: ShmTag) -> Result<ShmStr, Full> {
    let texts = texts_of(info);
    BLOCK.with_borrow_mut(|block| {
        block.clear();
        for text in texts {
            block.extend_from_slice(&(text.len() as u32).to_ne_bytes());
        }
        for text in texts {
            block.extend_from_slice(text);
        }
        ShmStr::try_new_in(block, tag).map_err(|_| Full)
    })
}

fn unpack(block: &[u8]) -> [&[u8]; TEXTS] {
    let mut texts: [&[u8]; TEXTS] = [b""; TEXTS];
    let Some((lengths, mut rest)) = block.split_at_checked(HEADER) else {
        return texts;
    };
    for (text, length) in texts.iter_mut().zip(lengths.as_chunks::<4>().0) {
        let length = (u32::from_ne_bytes(*length) as usize).min(rest.len());
        (*text, rest) = rest.split_at(length);
    }
    texts
}

impl Contact {
    /// A new binding, its block counted under `tag`.
    pub fn new(info: &ContactInfo<'_>, tag: ShmTag) -> Result<Contact, Full> {
        Ok(Contact {
            texts: pack(info, tag)?,
            expires: info.expires,
            q: info.q,
            cseq: info.cseq,
            flags: info.flags,
            socket: number_of(info.socket),
        })
    }

    /// Takes over all fields; a refresh with the same texts allocates nothing.
    pub fn update(&mut self, info: &ContactInfo<'_>, tag: ShmTag) -> Result<(), Full> {
        if unpack(&self.texts) != texts_of(info) {
            self.texts.replace(pack(info, tag)?);
        }
        self.expires = info.expires;
        self.q = info.q;
        self.cseq = info.cseq;
        self.flags = info.flags;
        self.socket = number_of(info.socket);
        Ok(())
    }

    /// Makes it whole after a change that was cut short: the texts are the old or the new ones, and so is each
    /// number.
    pub fn repair(&mut self) {
        self.texts.repair();
    }

    /// Preference in thousandths, -1 unspecified.
    pub fn q(&self) -> i32 {
        self.q
    }

    /// The binding as borrowed values.
    pub fn info(&self) -> ContactInfo<'_> {
        let [uri, aor, received, instance, user_agent, call_id, avps] = unpack(&self.texts);
        ContactInfo {
            uri,
            aor,
            received,
            instance,
            user_agent,
            call_id,
            avps,
            cseq: self.cseq,
            q: self.q,
            expires: self.expires,
            flags: self.flags,
            socket: socket_of(self.socket),
        }
    }
}

/// A socket as a number that means the same in every process: protocol and place in its list.
fn number_of(socket: Option<&'static SocketInfo>) -> u32 {
    socket.map_or(NO_SOCKET, |s| (s.proto as u32) << 16 | s.index as u32)
}

fn socket_of(number: u32) -> Option<&'static SocketInfo> {
    if number == NO_SOCKET {
        return None;
    }
    let (proto, index) = (number >> 16, (number & 0xffff) as usize);
    net::all_sockets().find(|s| s.proto as u32 == proto && s.index == index)
}
