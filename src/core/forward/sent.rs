//! Counts what leaves: requests by method, replies by class, each time that they are sent.

use crate::core::sip::place_in_counted;
use crate::core::stats::{Counter, count, work};

/// No method that is told apart is longer, with the blank behind it.
const LONGEST: usize = 10;

/// Counts a message that was just sent, and how long after the one that caused it was received.
#[inline]
pub(super) fn count_sent(message: &[u8]) {
    count(counter_of(message));
    work::sent();
}

#[inline]
fn counter_of(message: &[u8]) -> Counter {
    match message.strip_prefix(b"SIP/2.0 ") {
        Some([class @ b'1'..=b'5', ..]) => Counter::Snd1xx.behind(usize::from(class - b'1')),
        Some(_) => Counter::Snd6xx,
        None => {
            let start = &message[..message.len().min(LONGEST)];
            let end = start.iter().position(|b| *b == b' ').unwrap_or(0);
            Counter::SndInvite.behind(place_in_counted(&start[..end]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_was_sent() {
        let of = |text: &str| counter_of(text.as_bytes()).name();
        assert_eq!(of("INVITE sip:a@b SIP/2.0\r\n"), "snd.method.invite");
        assert_eq!(of("subscribe sip:a@b SIP/2.0\r\n"), "snd.method.subscribe");
        assert_eq!(of("PUBLISH sip:a@b SIP/2.0\r\n"), "snd.method.publish");
        assert_eq!(of("SUBSCRIBES sip:a@b SIP/2.0\r\n"), "snd.method.other");
        assert_eq!(of("SIP/2.0 100 Trying\r\n"), "snd.reply.1xx");
        assert_eq!(of("SIP/2.0 503 No\r\n"), "snd.reply.5xx");
        assert_eq!(of("SIP/2.0 699 No\r\n"), "snd.reply.6xx");
        assert_eq!(of(""), "snd.method.other");
    }
}
