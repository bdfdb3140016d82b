//! Messages for what the program before has to bring to an end: receivers of the new program recognise them by Call-ID
//! and number of CSeq, and pass them on.
//!
//! The old program makes nothing new, so its keys are known when it hands over. A datagram is passed with a line in front
//! that tells where it came to and from. Invariant: as long as nothing is unfinished there, a message costs one load.

use crate::core::net::{self, Proto, SocketInfo, inherited};
use crate::core::sip::call_of;
use crate::ipc::layout::{bytes, mix};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The end of the pipe that the new program writes to.
pub const PIPE: &str = "unfinished";
/// How long a receiver waits for the old program, whose queue is full.
const PATIENCE: Duration = Duration::from_millis(200);

struct Theirs {
    keys: Vec<u64>,
    pipe: UnixDatagram,
}

static THEIRS: OnceLock<Theirs> = OnceLock::new();
/// There is something. Each process finds out for itself that there is nothing any more.
static ANY: AtomicBool = AtomicBool::new(false);

/// What a message of something unfinished is recognised by; `None`: it has no Call-ID or CSeq.
pub fn key_of(message: &[u8]) -> Option<u64> {
    let (call_id, number) = call_of(message)?;
    // The same in every program, whatever it was built with.
    Some(mix(bytes(call_id), number.into()))
}

/// Makes the pipe: the end that is read, and the other for the next program.
pub(super) fn pipe() -> io::Result<(UnixDatagram, OwnedFd)> {
    let (ours, theirs) = UnixDatagram::pair()?;
    Ok((ours, theirs.into()))
}

/// In the new program, before the first fork: what the program before has to bring to an end.
pub(super) fn know(keys: Vec<u64>) -> io::Result<()> {
    let Some(pipe) = inherited::take(PIPE).filter(|_| !keys.is_empty()) else {
        return Ok(());
    };
    let pipe = UnixDatagram::from(pipe);
    pipe.set_write_timeout(Some(PATIENCE))?;
    THEIRS.get_or_init(|| Theirs { keys, pipe });
    ANY.store(true, Ordering::Relaxed);
    Ok(())
}

/// Passes a datagram on if it belongs to something unfinished in the program before.
#[inline]
pub fn pass(datagram: &[u8], socket: &SocketInfo, source: SocketAddr) -> bool {
    ANY.load(Ordering::Relaxed) && pass_theirs(datagram, socket, source)
}

#[cold]
fn pass_theirs(datagram: &[u8], socket: &SocketInfo, source: SocketAddr) -> bool {
    let (Some(theirs), Some(key)) = (THEIRS.get(), key_of(datagram)) else {
        return false;
    };
    if theirs.keys.binary_search(&key).is_err() {
        return false;
    }
    let head = format!("{} {source}\n", socket.addr);
    let message = [head.as_bytes(), datagram].concat();
    match theirs.pipe.send(&message) {
        Ok(_) => true,
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            log::warn!("WARNING: the program before does not take a message from {source}");
            true
        }
        // It has ended.
        Err(_) => {
            ANY.store(false, Ordering::Relaxed);
            false
        }
    }
}

/// The socket and the source that [`pass`] wrote in front, and where the datagram begins.
pub fn read_head(message: &[u8]) -> Option<(&'static SocketInfo, SocketAddr, usize)> {
    let end = memchr::memchr(b'\n', message)?;
    let head = std::str::from_utf8(&message[..end]).ok()?;
    let (to, from) = head.split_once(' ')?;
    let to: SocketAddr = to.parse().ok()?;
    let socket = net::find_socket(to.ip(), to.port(), Proto::Udp)?;
    Some((socket, from.parse().ok()?, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_its_answer_its_ack_and_its_cancel_have_one_key() {
        let key = |first: &str, cseq: &str, id: &str| {
            let text = format!(
                "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:c@d>\r\nCall-ID: {id}\r\nCSeq: {cseq}\r\n\r\n"
            );
            key_of(text.as_bytes())
        };
        let invite = key("INVITE sip:c@d SIP/2.0", "7 INVITE", "x@y");
        assert!(invite.is_some());
        assert_eq!(key("SIP/2.0 200 OK", "7 INVITE", "x@y"), invite);
        assert_eq!(key("ACK sip:c@d SIP/2.0", "7 ACK", "x@y"), invite);
        assert_eq!(key("CANCEL sip:c@d SIP/2.0", "7 CANCEL", "x@y"), invite);
        assert_ne!(key("BYE sip:c@d SIP/2.0", "8 BYE", "x@y"), invite);
        assert_ne!(key("INVITE sip:c@d SIP/2.0", "7 INVITE", "z@y"), invite);
        assert_eq!(key_of(b"nonsense"), None);
    }
}
