//! What a process works on, or worked on when it died, in an operator's words.
//!
//! The message is read out of the process's scratch buffer with nothing but a search for line ends: whatever it did to
//! the process, it cannot do to the one that looks at it.

use crate::core::script::look_into_program;
use crate::core::stats::activity::{Activity, What};
use crate::core::stats::work;
use crate::ipc::read_scratch;
use std::fmt;
use std::net::SocketAddr;

/// So many bytes of a message are shown.
const SHOWN: usize = 512;
/// A longer Call-ID is cut.
const LONGEST_CALL_ID: usize = 128;

/// A piece of work, and who does it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct AtWork {
    /// Since when, and where in ser.cfg.
    pub activity: Activity,
    /// The message, if it is one.
    pub message: Option<Seen>,
}

/// A message that somebody else works on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// Who sent it.
    pub source: SocketAddr,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl AtWork {
    /// What the process of that slot is at; `None`: nothing.
    pub fn of(slot: u16) -> Option<AtWork> {
        let activity = work::activity(slot)?;
        let message = match activity.what {
            What::Message { length, source } => Some(Seen {
                source,
                bytes: read_scratch(slot, length),
            }),
            What::Task(_) => None,
        };
        Some(AtWork { activity, message })
    }

    /// `line 7 of ser.cfg (route: save)`; nothing before the script runs.
    fn place(&self) -> Option<String> {
        let line = self.activity.line;
        let place = look_into_program(|program| {
            let place = program.place(line)?;
            Some(format!(" ({place})"))
        });
        let place = place.flatten().unwrap_or_default();
        (line != 0).then(|| format!("line {line} of ser.cfg{place}"))
    }
}

impl fmt::Display for AtWork {
    /// `0.012 s of work on an INVITE from 10.0.0.1:5060, Call-ID abc, in line 7 of ser.cfg (route: save)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s of work on ", self.activity.us / 1e6)?;
        match (&self.message, self.activity.what) {
            (Some(message), _) => message.fmt(f)?,
            (None, What::Task(task)) => f.write_str(task.name())?,
            (None, What::Message { .. }) => f.write_str("a message")?,
        }
        match self.place() {
            Some(place) => write!(f, ", in {place}"),
            None => f.write_str(", outside of the script"),
        }
    }
}

impl Seen {
    /// `INVITE`, or `reply 200`; `?` where the first line is neither.
    pub fn method(&self) -> String {
        let mut words = self.first_line().split(|&b| b == b' ');
        let first = words.next().unwrap_or_default();
        if first.len() >= 7 && first[..7].eq_ignore_ascii_case(b"SIP/2.0") {
            return format!("reply {}", shown(words.next().unwrap_or(b"?"), 3));
        }
        match first {
            b"" => "?".into(),
            method => shown(method, 32),
        }
    }

    /// The Call-ID; `None`: it has none.
    pub fn call_id(&self) -> Option<String> {
        let headers = self.lines().skip(1).take_while(|line| !line.is_empty());
        let mut values = headers.filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            let known = name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i");
            known.then(|| shown(value, LONGEST_CALL_ID))
        });
        values.next()
    }

    /// Its beginning, as it can stand in a log.
    pub fn beginning(&self) -> String {
        shown(&self.bytes, SHOWN)
    }

    fn first_line(&self) -> &[u8] {
        self.lines().next().unwrap_or_default()
    }

    /// Line ends before the first line do not count (RFC 3261 §7.5).
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let empty = |line: &&[u8]| line.is_empty();
        let lines = self.bytes.split(|&b| b == b'\n');
        lines.map(<[u8]>::trim_ascii_end).skip_while(empty)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method();
        write!(f, "{method} from {}, Call-ID ", self.source)?;
        f.write_str(self.call_id().as_deref().unwrap_or("missing"))
    }
}

/// A stranger's bytes: they can neither end a line nor steer a terminal.
fn shown(bytes: &[u8], most: usize) -> String {
    bytes[..bytes.len().min(most)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::activity::Task;

    fn seen(text: &str) -> Seen {
        Seen {
            source: "10.0.0.1:5060".parse().unwrap(),
            bytes: text.into(),
        }
    }

    #[test]
    fn method_and_call_id_are_found_in_whatever_was_received() {
        let request = seen("\r\n\r\nINVITE sip:a SIP/2.0\r\nVia: x\r\nCALL-id : a\x1b@b \r\n\r\n");
        assert_eq!(
            request.to_string(),
            "INVITE from 10.0.0.1:5060, Call-ID a\\x1b@b"
        );
        let reply = seen("SIP/2.0 200 OK\ni:x\n\nbody");
        assert_eq!(reply.to_string(), "reply 200 from 10.0.0.1:5060, Call-ID x");
        let body = seen("BYE a SIP/2.0\r\n\r\nCall-ID: no");
        assert_eq!((body.method(), body.call_id()), ("BYE".into(), None));
        for odd in ["", "\r\n", "SIP/2.0", "\0\0", ":", "i:"] {
            let odd = seen(odd);
            assert!(!odd.to_string().is_empty());
        }
        assert_eq!(seen("SIP/2.0").method(), "reply ?");
    }

    #[test]
    fn work_is_told_with_its_time_and_its_place() {
        let activity = Activity {
            since: 1,
            us: 12_300.0,
            line: 0,
            what: What::Task(Task::Timer),
        };
        let mut work = AtWork {
            activity,
            message: None,
        };
        assert_eq!(
            work.to_string(),
            "0.012 s of work on a timer, outside of the script"
        );
        work.activity.line = 3;
        assert!(work.to_string().ends_with(", in line 3 of ser.cfg"));
    }
}
