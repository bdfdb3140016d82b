//! Call-ID and From-tag of requests of our own, as SER makes them: `0123456789abcdef-PID@ADDRESS`, counted up
//! from a random start in each process, and the server's MD5 sum with a number that depends on the Call-ID.

use ser::core::forward::tag::{TAG_LEN, TagPrefix};
use ser::core::msg::{Bump, BumpVec};
use ser::core::net::all_sockets;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::OnceLock;

thread_local! {
    /// The process that counts, and its next number: a child does not go on with its parent's.
    static NEXT: Cell<(u32, u64)> = const { Cell::new((0, 0)) };
}

/// A Call-ID that nobody has used.
pub fn call_id(arena: &Bump) -> &[u8] {
    let pid = std::process::id();
    let number = match NEXT.get() {
        (owner, number) if owner == pid => number,
        _ => RandomState::new().hash_one(pid),
    };
    NEXT.set((pid, number.wrapping_add(1)));
    let mut out = BumpVec::with_capacity_in(64, arena);
    let written = write!(out, "{number:016x}-{pid}@{}", first_address());
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
    out.into_bump_slice()
}

fn first_address() -> &'static str {
    all_sockets()
        .next()
        .map_or("localhost", |socket| &socket.addr_str)
}

static PREFIX: OnceLock<TagPrefix> = OnceLock::new();

/// The From-tag of a request with that Call-ID.
pub fn from_tag(call_id: &[u8]) -> [u8; TAG_LEN] {
    PREFIX
        .get_or_init(|| TagPrefix::new("Long live SER server", b'-'))
        .tag_of(&[call_id])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_count_up_in_one_process() {
        let arena = Bump::new();
        let number = |id: &[u8]| {
            let text = std::str::from_utf8(id).unwrap();
            let (number, rest) = text.split_once('-').unwrap();
            let pid = std::process::id();
            assert!(rest.starts_with(&format!("{pid}@")), "{text}");
            assert_eq!(number.len(), 16);
            u64::from_str_radix(number, 16).unwrap()
        };
        let (a, b) = (number(call_id(&arena)), number(call_id(&arena)));
        assert_eq!(b, a.wrapping_add(1));
    }

    #[test]
    fn a_from_tag_names_server_and_call() {
        let (a, b) = (from_tag(b"one"), from_tag(b"two"));
        assert_eq!(a[..33], b[..33]);
        assert_eq!(a[32], b'-');
        assert_ne!(a[33..], b[33..]);
        assert_eq!(a, from_tag(b"one"));
    }
}
