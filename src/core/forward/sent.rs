//! Counts what leaves: requests by method, replies by class, each time that they are sent.

use crate::core::sip::place_in_counted;
use crate::core::stats::{Counter, count_behind, work};

/// Counts a message that was just sent, and how long after the one that caused it was received.
#[inline]
pub(super) fn count_sent(message: &[u8]) {
    let (first, n) = counter_of(message);
    count_behind(first, n);
    work::sent();
}

/// The first counter of a group, and the place in it.
#[inline]
fn counter_of(message: &[u8]) -> (Counter, usize) {
    match message.strip_prefix(b"SIP/2.0 ") {
        Some([class, ..]) => (
            Counter::Snd1xx,
            usize::from(class.wrapping_sub(b'1')).min(5),
        ),
        Some([]) => (Counter::Snd1xx, 5),
        None => (Counter::SndInvite, place_in_counted(first_word(message))),
    }
}

/// What stands before the first blank; nothing if that is longer than any method that is told apart.
#[inline]
fn first_word(message: &[u8]) -> &[u8] {
    let Some(start) = message.first_chunk::<8>() else {
        return b"";
    };
    // A blank becomes 0, and the lowest byte that is 0 is the first whose highest bit is set.
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(*start) ^ (ONES * b' ' as u64);
    let blanks = word.wrapping_sub(ONES) & !word & (ONES << 7);
    let end = match (blanks, &message[8..]) {
        (1.., _) => blanks.trailing_zeros() as usize / 8,
        (_, [b' ', ..]) => 8,
        (_, [_, b' ', ..]) => 9,
        _ => 0,
    };
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_was_sent() {
        let of = |text: &str| {
            let (first, n) = counter_of(text.as_bytes());
            Counter::ALL[first as usize + n].name()
        };
        assert_eq!(of("INVITE sip:a@b SIP/2.0\r\n"), "snd.method.invite");
        assert_eq!(of("subscribe sip:a@b SIP/2.0\r\n"), "snd.method.subscribe");
        assert_eq!(of("PUBLISH sip:a@b SIP/2.0\r\n"), "snd.method.publish");
        assert_eq!(of("SUBSCRIBES sip:a@b SIP/2.0\r\n"), "snd.method.other");
        assert_eq!(of("SIP/2.0 100 Trying\r\n"), "snd.reply.1xx");
        assert_eq!(of("SIP/2.0 503 No\r\n"), "snd.reply.5xx");
        assert_eq!(of("SIP/2.0 699 No\r\n"), "snd.reply.6xx");
        assert_eq!(of("REGISTER sip:b SIP/2.0\r\n"), "snd.method.register");
        assert_eq!(of("ACK sip:a@b SIP/2.0\r\n"), "snd.method.ack");
        assert_eq!(of(""), "snd.method.other");
        assert_eq!(of(" INVITE sip:a@b"), "snd.method.other");
    }
}
