//! Via (RFC 3261 §20.42, RFC 3581 rport, RFC 4168 SCTP, RFC 7118 WebSocket).
//!
//! Invariant: a value either is understood to its last byte or refused; every slice lies in the body
//! that was parsed. Transports that SER refused are kept as [`ViaProto::Other`].

use super::params::read_param;
use super::scan::{
    COLON, COMMA, EQUAL, PAREN, SEMI, Scan, WS, find, is_ws, lower8, port, skip_ws, trimmed, word8,
};
use super::{Params, ParseError};

/// Transport named in a Via.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub enum ViaProto {
    #[default]
    Udp,
    Tcp,
    Tls,
    Sctp,
    Ws,
    Wss,
    Other,
}

impl ViaProto {
    /// The transport that a token names, in any case.
    #[inline]
    pub fn of_token(token: &[u8]) -> ViaProto {
        Self::of_word(lower8(token, 0, token.len()))
    }

    /// The transport that a token names, as `lower8` has it.
    #[inline(always)]
    fn of_word(word: u64) -> ViaProto {
        const UDP: u64 = word8(b"udp");
        const TCP: u64 = word8(b"tcp");
        const TLS: u64 = word8(b"tls");
        const SCTP: u64 = word8(b"sctp");
        const WS: u64 = word8(b"ws");
        const WSS: u64 = word8(b"wss");
        match word {
            UDP => ViaProto::Udp,
            TCP => ViaProto::Tcp,
            TLS => ViaProto::Tls,
            SCTP => ViaProto::Sctp,
            WS => ViaProto::Ws,
            WSS => ViaProto::Wss,
            _ => ViaProto::Other,
        }
    }
}

/// One Via value.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Via<'a> {
    /// The whole value, from `SIP` to before the comma or line end.
    pub raw: &'a [u8],
    pub transport: &'a [u8],
    pub proto: ViaProto,
    /// Host; IPv6 references keep their brackets.
    pub host: &'a [u8],
    /// Port text, empty when absent.
    pub port: &'a [u8],
    pub port_no: u16,
    /// `host[:port]` as it stands, the place where received/rport are put behind.
    pub hostport: &'a [u8],
    pub params: Params<'a>,
    pub branch: Option<&'a [u8]>,
    pub received: Option<&'a [u8]>,
    /// `Some("")` for a bare `rport`.
    pub rport: Option<&'a [u8]>,
    pub i: Option<&'a [u8]>,
    pub maddr: Option<&'a [u8]>,
    pub ttl: Option<&'a [u8]>,
    pub alias: bool,
    pub hidden: bool,
    /// What stands in the parentheses behind the value; empty without.
    pub comment: &'a [u8],
    /// Whole parameter text with its `;`, for replacing in place: `;received=..`, `;rport[=..]`.
    pub received_raw: Option<&'a [u8]>,
    pub rport_raw: Option<&'a [u8]>,
    /// Another value follows in the same header, separated by a comma.
    pub more: bool,
}

impl<'a> Via<'a> {
    /// Parses the first value of a Via header body; the second part is what follows its comma.
    pub fn parse(body: &'a [u8]) -> Result<(Via<'a>, Option<&'a [u8]>), ParseError> {
        let mut via = Via::default();
        let end = via.read(body, body.len())?;
        Ok((via, body.get(end + 1..).filter(|_| via.more)))
    }

    /// As `parse` of the first `len` bytes of `wide`, into a fresh value; returns where it ends: at a
    /// comma (`more` is set) or at `len`.
    #[inline]
    pub(super) fn read(&mut self, wide: &'a [u8], len: usize) -> Result<usize, ParseError> {
        let mut scan = <Scan>::new(wide, len);
        if let Some(end) = self.read_usual(&mut scan) {
            return Ok(end);
        }
        *self = Via::default();
        self.read_any(&mut scan)
    }

    /// Reads a value of the usual form: no white space but one blank, nothing quoted, a transport of
    /// three letters, no IPv6 host. `None`: it has another.
    #[inline(always)]
    pub(super) fn read_usual(&mut self, scan: &mut Scan<'a>) -> Option<usize> {
        let b = scan.text;
        let [
            b'S',
            b'I',
            b'P',
            b'/',
            b'2',
            b'.',
            b'0',
            b'/',
            _,
            _,
            _,
            b' ',
        ] = *b.first_chunk()?
        else {
            return None;
        };
        self.transport = &b[8..11];
        self.proto = ViaProto::of_word(scan.lower8(8, 11));
        let (mut at, mut c) = scan.step(12);
        self.host = &b[12..at];
        if c == b':' {
            let from = at + 1;
            (at, c) = scan.step(from);
            self.port = &b[from..at];
            self.port_no = port(self.port)?;
        }
        self.hostport = &b[12..at];
        let first = at + 1;
        while c == b';' {
            let name = at + 1;
            let (name_end, next) = scan.step(name);
            if name_end == name {
                return None;
            }
            let (mut end, mut value) = (name_end, None);
            c = next;
            if next == b'=' {
                let more = |c| c > b' ' && !matches!(c, b';' | b',');
                (end, c) = scan.step_over(name_end + 1, more);
                value = Some(&b[name_end + 1..end]).filter(|v| !matches!(v, [] | [b'"', ..]));
                value?;
            }
            let raw = &b[at..end];
            self.keep(scan.lower8(name, name_end), value, raw)?;
            at = end;
        }
        self.more = c == b',';
        let ends = self.more || at == b.len();
        if !ends || self.host.is_empty() || self.host[0] == b'[' {
            return None;
        }
        self.params = Params(b.get(first..at).unwrap_or_default());
        self.raw = &b[..at];
        Some(at)
    }

    /// Reads a value of any form.
    #[inline(never)]
    pub(super) fn read_any(&mut self, scan: &mut Scan<'a>) -> Result<usize, ParseError> {
        let b = scan.text;
        let start = scan.skip_ws(0);
        let at = protocol(b, start).ok_or(ParseError::Via(start))?;
        let host_at = self.read_transport(scan, at)?;
        let host_end = host_end(scan, host_at).ok_or(ParseError::Via(host_at))?;
        self.host = &b[host_at..host_end];
        self.hostport = self.host;
        let mut at = scan.skip_ws(host_end);
        if b.get(at) == Some(&b':') {
            at = self.read_port(scan, host_at, at)?;
        }
        if b.get(at) == Some(&b';') {
            at = self.read_params(scan, at)?;
        }
        if b.get(at) == Some(&b'(') {
            at = self.read_comment(b, at)?;
        }
        self.raw = trimmed(b, start, at);
        self.more = b.get(at) == Some(&b',');
        if at == b.len() || self.more {
            Ok(at)
        } else {
            Err(ParseError::Via(at))
        }
    }

    /// Reads the transport that begins at `at`; returns where the host begins.
    #[inline(always)]
    fn read_transport(&mut self, scan: &mut Scan<'a>, at: usize) -> Result<usize, ParseError> {
        let b = scan.text;
        let end = scan.until::<{ WS | SEMI | COMMA | COLON | PAREN }>(at);
        self.transport = &b[at..end];
        self.proto = match self.transport {
            b"UDP" => ViaProto::Udp,
            other => ViaProto::of_token(other),
        };
        let host_at = scan.skip_ws(end);
        if end == at || host_at == end {
            return Err(ParseError::Via(end));
        }
        Ok(host_at)
    }

    /// Reads `:port` whose colon is at `at`; returns the index of the next non-blank.
    #[inline(always)]
    fn read_port(
        &mut self,
        scan: &mut Scan<'a>,
        host_at: usize,
        at: usize,
    ) -> Result<usize, ParseError> {
        let b = scan.text;
        let from = scan.skip_ws(at + 1);
        let to = scan.until::<{ WS | SEMI | COMMA | PAREN }>(from);
        self.port = &b[from..to];
        self.port_no = port(self.port).ok_or(ParseError::Via(from))?;
        self.hostport = &b[host_at..to];
        Ok(scan.skip_ws(to))
    }

    /// Reads the parameters, the first `;` being at `first`; returns the index of what follows.
    #[inline(always)]
    fn read_params(&mut self, scan: &mut Scan<'a>, first: usize) -> Result<usize, ParseError> {
        let b = scan.text;
        let mut at = first;
        while b.get(at) == Some(&b';') {
            let param = read_param::<_, NAME, VALUE>(scan, at + 1).ok_or(ParseError::Via(at))?;
            if param.name.is_empty() {
                return Err(ParseError::Via(at));
            }
            let raw = &b[at..param.value_end];
            let name = scan.lower8(param.start, param.start + param.name.len());
            self.keep(name, param.value, raw)
                .ok_or(ParseError::Via(param.start))?;
            at = param.end;
        }
        self.params = Params(trimmed(b, first + 1, at));
        Ok(at)
    }

    /// Files a parameter by the number of its name; `None`: it lacks the value it must have.
    #[inline(always)]
    fn keep(&mut self, name: u64, value: Option<&'a [u8]>, raw: &'a [u8]) -> Option<()> {
        const BRANCH: u64 = word8(b"branch");
        const RPORT: u64 = word8(b"rport");
        const RECEIVED: u64 = word8(b"received");
        const I: u64 = word8(b"i");
        const MADDR: u64 = word8(b"maddr");
        const TTL: u64 = word8(b"ttl");
        const ALIAS: u64 = word8(b"alias");
        const HIDDEN: u64 = word8(b"hidden");
        let needed = value.filter(|v| !v.is_empty());
        match name {
            BRANCH => self.branch = Some(needed?),
            RPORT => {
                self.rport = Some(value.unwrap_or_default());
                self.rport_raw = Some(raw);
            }
            RECEIVED => {
                self.received = Some(needed?);
                self.received_raw = Some(raw);
            }
            I => self.i = Some(needed?),
            MADDR => self.maddr = Some(needed?),
            TTL => self.ttl = Some(needed?),
            ALIAS => self.alias = true,
            HIDDEN => self.hidden = true,
            // Unknown parameters stay in `params`.
            _ => {}
        }
        Some(())
    }

    /// Reads a comment that opens at `at`; returns the index of the next non-blank.
    fn read_comment(&mut self, b: &'a [u8], at: usize) -> Result<usize, ParseError> {
        let mut depth = 0usize;
        let mut i = at;
        while i < b.len() {
            match b[i] {
                b'\\' => i += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            i += 1;
            if depth == 0 {
                self.comment = trimmed(b, at + 1, i - 1);
                if self.comment.is_empty() {
                    return Err(ParseError::Via(at));
                }
                return Ok(skip_ws(b, i));
            }
        }
        Err(ParseError::Via(at))
    }
}

/// Reads `SIP/2.0/` with blanks around the slashes; returns the index of the transport.
#[inline(always)]
fn protocol(b: &[u8], i: usize) -> Option<usize> {
    let plain = b.get(i..).and_then(<[u8]>::first_chunk) == Some(b"SIP/2.0/");
    if plain && b.get(i + 8).is_some_and(|c| !is_ws(*c)) {
        return Some(i + 8);
    }
    loose_protocol(b, i)
}

/// As `protocol`, in any case and with blanks.
#[cold]
fn loose_protocol(b: &[u8], i: usize) -> Option<usize> {
    let word = |at: usize, known: &[u8]| {
        let end = at + known.len();
        let same = b.get(at..end)?.eq_ignore_ascii_case(known);
        let slash = skip_ws(b, end);
        (same && *b.get(slash)? == b'/').then(|| skip_ws(b, slash + 1))
    };
    word(word(i, b"SIP")?, b"2.0")
}

/// Index behind the host that begins at `i`: a token, or an IPv6 reference in brackets.
#[inline(always)]
fn host_end(scan: &mut Scan<'_>, i: usize) -> Option<usize> {
    let b = scan.text;
    let end = if b.get(i) == Some(&b'[') {
        let close = find(b, i, b']');
        let inside = b.get(i + 1..close)?;
        let hex = |c: &u8| c.is_ascii_hexdigit() || matches!(c, b':' | b'.');
        if close == b.len() || inside.is_empty() || !inside.iter().all(hex) {
            return None;
        }
        close + 1
    } else {
        scan.until::<{ WS | SEMI | COMMA | COLON | PAREN }>(i)
    };
    (end > i).then_some(end)
}

/// What ends the name of a parameter.
const NAME: u8 = EQUAL | SEMI | WS | COMMA;
/// What ends the value of a parameter.
const VALUE: u8 = SEMI | WS | COMMA;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(body: &[u8]) -> Via<'_> {
        let (via, rest) = Via::parse(body).unwrap();
        assert!(rest.is_none());
        via
    }

    #[test]
    fn the_usual_value_is_taken_apart() {
        let v = one(b"SIP/2.0/UDP 127.0.0.1:5066;branch=z9hG4bK1;rport;received=1.2.3.4");
        assert_eq!(v.proto, ViaProto::Udp);
        assert_eq!(
            (v.host, v.port, v.port_no),
            (&b"127.0.0.1"[..], &b"5066"[..], 5066)
        );
        assert_eq!(v.hostport, b"127.0.0.1:5066");
        assert_eq!(v.branch, Some(&b"z9hG4bK1"[..]));
        assert_eq!(
            (v.rport, v.rport_raw),
            (Some(&b""[..]), Some(&b";rport"[..]))
        );
        assert_eq!(v.received_raw, Some(&b";received=1.2.3.4"[..]));
        assert_eq!(v.params.0, b"branch=z9hG4bK1;rport;received=1.2.3.4");
        assert!(!v.more);
    }

    #[test]
    fn blanks_folds_and_lists_are_read() {
        let body = b"SIP  / 2.0\r\n  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239";
        let (v, rest) = Via::parse(body).unwrap();
        assert!(v.more);
        assert_eq!(
            (v.proto, v.host),
            (ViaProto::Tcp, &b"spindle.example.com"[..])
        );
        assert_eq!(v.branch, Some(&b"z9hG4bK9ikj8"[..]));
        let v = one(rest.unwrap());
        assert_eq!(
            (v.host, v.branch),
            (&b"192.168.255.111"[..], Some(&b"z9hG4bK30239"[..]))
        );
    }

    #[test]
    fn ipv6_hosts_keep_their_brackets() {
        let v = one(b"SIP/2.0/UDP [2001:db8::9:1]:6050;received=2001:db8::9:255");
        assert_eq!((v.host, v.port_no), (&b"[2001:db8::9:1]"[..], 6050));
        assert_eq!(v.received, Some(&b"2001:db8::9:255"[..]));
    }

    #[test]
    fn other_transports_are_kept() {
        for (name, proto) in [
            ("SCTP", ViaProto::Sctp),
            ("WS", ViaProto::Ws),
            ("wss", ViaProto::Wss),
            ("UNKNOWN", ViaProto::Other),
        ] {
            let body = format!("SIP/2.0/{name} h");
            assert_eq!(one(body.as_bytes()).proto, proto);
        }
    }

    #[test]
    fn quoted_values_lose_their_quotes_and_nothing_else() {
        let v = one(b"SIP/2.0/UDP h;x=\"a\\\"b,c\";branch=\"z9\" (note (inner))");
        assert_eq!(v.branch, Some(&b"z9"[..]));
        assert_eq!(v.comment, b"note (inner)");
        assert_eq!(v.params.get(b"x"), Some(Some(&b"a\\\"b,c"[..])));
    }

    #[test]
    fn broken_values_are_refused() {
        for bad in [
            "",
            "SIP",
            "SIP/2.0",
            "SIP/2.0/",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/1.0/UDP h",
            "SIP/2.0/UDP h::5060",
            "SIP/2.0/UDP h:",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP :5060",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP []",
            "SIP/2.0/UDP h;",
            "SIP/2.0/UDP h;;a",
            "SIP/2.0/UDP h;branch",
            "SIP/2.0/UDP h;branch=",
            "SIP/2.0/UDP h;i",
            "SIP/2.0/UDP h x",
            "SIP/2.0/UDP h ()",
            "SIP/2.0/UDP h (a",
            "SIP/2.0/UDP h (a) b",
            "SIP/2.0/UDP h;a=\"b",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP [::1]x",
        ] {
            let got = Via::parse(bad.as_bytes());
            assert!(matches!(got, Err(ParseError::Via(_))), "{bad}: {got:?}");
        }
    }
}
