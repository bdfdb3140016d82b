//! SIP, SIPS, TEL URIs (RFC 3261 §19, RFC 3966), as SER's parser reads them.
//!
//! Invariant: what stands before the first `@` is the user part, whatever is in it (RFC 4475
//! `semiuri`, `intmeth`); a second `@` outside it is an error. Hosts are not checked as DNS names.

use super::error::BadUri;
use super::scan::{Scan, UriMarks, find, port, word8};
use super::{Params, ParseError, ViaProto};
use memchr::{memchr, memchr2};

/// The text of a URI and where its separators are.
type UriScan<'a> = Scan<'a, UriMarks>;

/// The scheme of a URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum UriType {
    Sip,
    Sips,
    Tel,
    Tels,
    Urn,
    Cid,
}

/// A parsed URI: slices of the text that was parsed. For `tel:` the number is in `user`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Uri<'a> {
    pub text: &'a [u8],
    pub kind: UriType,
    pub user: &'a [u8],
    pub passwd: &'a [u8],
    pub host: &'a [u8],
    /// Port as text, empty when absent.
    pub port: &'a [u8],
    /// Port as number, 0 when absent.
    pub port_no: u16,
    /// Parameters; with `user=phone` those out of the user part, if it has any.
    pub params: Params<'a>,
    /// Parameters of the URI itself.
    pub sip_params: Params<'a>,
    pub headers: &'a [u8],
    /// Value of `transport` (empty when absent).
    pub transport: &'a [u8],
    pub maddr: &'a [u8],
    pub ttl: &'a [u8],
    /// Value of `user`, as in `user=phone`.
    pub user_param: &'a [u8],
    /// Value of `method`.
    pub method: &'a [u8],
    pub lr: bool,
    pub r2: bool,
    /// `user=phone` was present on a sip/sips URI (then `kind` is `Tel`).
    pub user_phone: bool,
    /// A telephone number with visual separators in it (`.`, `-`, `(`, `)`); see [`normalize_tel`].
    ///
    /// [`normalize_tel`]: super::normalize_tel
    pub user_normalize: bool,
}

impl<'a> Uri<'a> {
    /// Parses `text`, which must be the URI and nothing else.
    pub fn parse(text: &'a [u8]) -> Result<Uri<'a>, ParseError> {
        Self::read(text).map_err(ParseError::Uri)
    }

    fn read(text: &'a [u8]) -> Result<Uri<'a>, BadUri> {
        let (kind, start) = scheme(text)?;
        let mut uri = Uri::empty(text, kind);
        if kind == UriType::Urn {
            return Ok(uri);
        }
        let first = *text.get(start).ok_or(BadUri::Host)?;
        if matches!(first, b':' | b'@' | b']') {
            return Err(BadUri::Char(first, start));
        }
        let scan = &mut Scan::new(text, text.len());
        let host_at = uri.read_user(scan, start)?;
        let (mut at, mut c) = uri.read_host(scan, host_at)?;
        if c == b':' {
            (at, c) = uri.read_port(scan, at + 1)?;
        }
        if c == b';' {
            (at, c) = uri.read_params(scan, at + 1)?;
        }
        if c == b'?' {
            uri.read_headers(scan, at + 1)?;
        }
        uri.finish_phone();
        Ok(uri)
    }

    fn empty(text: &'a [u8], kind: UriType) -> Uri<'a> {
        Uri {
            text,
            kind,
            user: b"",
            passwd: b"",
            host: b"",
            port: b"",
            port_no: 0,
            params: Params(b""),
            sip_params: Params(b""),
            headers: b"",
            transport: b"",
            maddr: b"",
            ttl: b"",
            user_param: b"",
            method: b"",
            lr: false,
            r2: false,
            user_phone: false,
            user_normalize: false,
        }
    }

    /// Reads `user[:password]@` from `start` on; returns where the host begins.
    #[inline(always)]
    fn read_user(&mut self, scan: &mut UriScan<'a>, start: usize) -> Result<usize, BadUri> {
        let text = self.text;
        let (at, c) = scan.step_over(start, |c| !matches!(c, b'@' | 0));
        if c != b'@' {
            return Ok(start);
        }
        let (colon, c) = scan.step_over(start, |c| !matches!(c, b'@' | b':' | b'[' | b']'));
        match c {
            b'@' => self.user = &text[start..at],
            b':' => (self.user, self.passwd) = (&text[start..colon], &text[colon + 1..at]),
            _ => return Err(BadUri::Char(c, colon)),
        }
        match memchr2(b'[', b']', self.passwd) {
            Some(n) => Err(BadUri::Char(self.passwd[n], colon + 1 + n)),
            None => Ok(at + 1),
        }
    }

    /// Reads the host that begins at `i`; returns what ends it and where.
    #[inline(always)]
    fn read_host(&mut self, scan: &mut UriScan<'a>, i: usize) -> Result<(usize, u8), BadUri> {
        let text = self.text;
        let from = match text.get(i) {
            Some(b'[') => reference_end(text, i).ok_or(BadUri::Host)?,
            _ => i,
        };
        let (end, c) = scan.step_over(from, |c| matches!(c, b'<' | b'=' | b'>' | b'\\'));
        self.host = &text[i..end];
        if end == i && matches!(c, b':' | b';' | b'?' | 0) {
            return Err(BadUri::Host);
        }
        // Nothing may follow the bracket.
        if from > i && from < end {
            return Err(BadUri::Char(text[from], from));
        }
        match c {
            b':' | b';' | b'?' | 0 => Ok((end, c)),
            _ => Err(BadUri::Char(c, end)),
        }
    }

    /// Reads the port digits that begin at `i`; an empty port is none, as in SER.
    #[inline(always)]
    fn read_port(&mut self, scan: &mut UriScan<'a>, i: usize) -> Result<(usize, u8), BadUri> {
        let (end, c) = scan.step(i);
        self.port = &self.text[i..end];
        if end > i {
            self.port_no = port(self.port).ok_or(BadUri::Port)?;
        }
        match c {
            b';' | b'?' | 0 => Ok((end, c)),
            _ => Err(BadUri::Port),
        }
    }

    /// Reads the parameters that begin at `i`; returns what ends them and where.
    #[inline(always)]
    fn read_params(&mut self, scan: &mut UriScan<'a>, i: usize) -> Result<(usize, u8), BadUri> {
        let text = self.text;
        let (mut at, mut c) = (i - 1, b';');
        while c == b';' {
            let name = at + 1;
            let name_end;
            (name_end, c) = scan.step_over(name, |c| !matches!(c, b'=' | b';' | b'?' | b'@' | 0));
            at = name_end;
            if c == b'=' {
                let value = name_end + 1;
                (at, c) = scan.step_over(value, |c| !matches!(c, b';' | b'?' | b'@' | 0));
                self.keep(scan, name, name_end, &text[value..at]);
            } else {
                self.keep(scan, name, name_end, b"");
            }
        }
        if c == b'@' {
            return Err(BadUri::Char(c, at));
        }
        self.params = Params(&text[i..at]);
        self.sip_params = self.params;
        Ok((at, c))
    }

    /// Keeps the headers that begin at `i` as text.
    fn read_headers(&mut self, scan: &mut UriScan<'a>, i: usize) -> Result<(), BadUri> {
        self.headers = &self.text[i..];
        match scan.step_over(i, |c| !matches!(c, b';' | b'@' | 0)) {
            (_, b';') => Err(BadUri::Headers),
            (at, c @ b'@') => Err(BadUri::Char(c, at)),
            _ => Ok(()),
        }
    }

    /// Files a parameter that has a field of its own.
    #[inline(always)]
    fn keep(&mut self, scan: &UriScan<'a>, from: usize, to: usize, value: &'a [u8]) {
        const LR: u64 = word8(b"lr");
        const R2: u64 = word8(b"r2");
        const TTL: u64 = word8(b"ttl");
        const USER: u64 = word8(b"user");
        const MADDR: u64 = word8(b"maddr");
        const METHOD: u64 = word8(b"method");
        match scan.lower8(from, to) {
            LR => self.lr = true,
            R2 => self.r2 = true,
            TTL => self.ttl = value,
            USER => self.user_param = value,
            MADDR => self.maddr = value,
            METHOD => self.method = value,
            // Longer than a word.
            0 if self.text[from..to].eq_ignore_ascii_case(b"transport") => self.transport = value,
            // Others stay in `params`.
            _ => {}
        }
    }

    /// Makes a telephone number of what is one: `tel:`, or sip/sips with `user=phone`.
    fn finish_phone(&mut self) {
        match self.kind {
            UriType::Tel | UriType::Tels if self.user.is_empty() => {
                self.user = std::mem::take(&mut self.host);
            }
            UriType::Sip | UriType::Sips if self.user_param == b"phone" => {
                self.kind = UriType::Tel;
                self.user_phone = true;
                if let Some(n) = memchr(b';', self.user) {
                    self.params = Params(&self.user[n + 1..]);
                    self.user = &self.user[..n];
                }
            }
            UriType::Sip | UriType::Sips | UriType::Urn | UriType::Cid => return,
            UriType::Tel | UriType::Tels => {}
        }
        self.user_normalize = self.user.iter().any(|&c| is_visual_separator(c));
    }

    /// What `transport` names; `None` when absent.
    pub fn proto(&self) -> Option<ViaProto> {
        (!self.transport.is_empty()).then(|| ViaProto::of_token(self.transport))
    }
}

/// Index behind the IPv6 reference whose bracket opens at `i`.
fn reference_end(text: &[u8], i: usize) -> Option<usize> {
    let close = find(text, i, b']');
    let inside = text.get(i + 1..close)?;
    let hex = |c: &u8| c.is_ascii_hexdigit() || matches!(c, b':' | b'.');
    let good = close < text.len() && !inside.is_empty() && inside.iter().all(hex);
    good.then_some(close + 1)
}

/// `-`, `.`, `(`, `)`: what people write into telephone numbers (RFC 3966 §5.1.1).
#[inline]
pub(super) fn is_visual_separator(c: u8) -> bool {
    matches!(c, b'-' | b'.' | b'(' | b')')
}

/// The scheme and the index behind its colon.
#[inline]
fn scheme(text: &[u8]) -> Result<(UriType, usize), BadUri> {
    let Some(&[a, b, c, d, e]) = text.first_chunk::<5>() else {
        return Err(BadUri::TooShort);
    };
    match ([a | 0x20, b | 0x20, c | 0x20], d, e) {
        ([b's', b'i', b'p'], b':', _) => Ok((UriType::Sip, 4)),
        ([b's', b'i', b'p'], b's' | b'S', b':') => Ok((UriType::Sips, 5)),
        ([b't', b'e', b'l'], b':', _) => Ok((UriType::Tel, 4)),
        ([b't', b'e', b'l'], b's' | b'S', b':') => Ok((UriType::Tels, 5)),
        ([b'u', b'r', b'n'], b':', _) => Ok((UriType::Urn, 4)),
        ([b'c', b'i', b'd'], b':', _) => Ok((UriType::Cid, 4)),
        _ => Err(BadUri::Scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn every_part_has_its_slice() {
        let u = ok(
            "sips:bob:secret@host.org:5062;transport=TCP;x=y;lr;maddr=1.2.3.4;ttl=5;method=INVITE;r2=on?Subject=a&To=b",
        );
        assert_eq!(
            (u.kind, u.user, u.passwd),
            (UriType::Sips, &b"bob"[..], &b"secret"[..])
        );
        assert_eq!(
            (u.host, u.port, u.port_no),
            (&b"host.org"[..], &b"5062"[..], 5062)
        );
        assert_eq!((u.transport, u.proto()), (&b"TCP"[..], Some(ViaProto::Tcp)));
        assert_eq!(
            (u.maddr, u.ttl, u.method),
            (&b"1.2.3.4"[..], &b"5"[..], &b"INVITE"[..])
        );
        assert!(u.lr && u.r2 && !u.user_phone);
        assert_eq!(u.headers, b"Subject=a&To=b");
        assert_eq!(u.params.get(b"x"), Some(Some(&b"y"[..])));
        let u = ok("sip:127.0.0.1");
        assert_eq!(
            (u.user, u.host, u.port_no),
            (&b""[..], &b"127.0.0.1"[..], 0)
        );
    }

    #[test]
    fn the_user_part_may_hold_what_looks_like_parameters_or_headers() {
        let u = ok("sip:user;par=u%40example.net@example.com");
        assert_eq!(
            (u.user, u.host),
            (&b"user;par=u%40example.net"[..], &b"example.com"[..])
        );
        let u = ok(
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        );
        assert_eq!(u.user, b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
        assert_eq!(u.passwd, b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
        assert_eq!(ok("sip:h;p?a=b@c").host, b"c");
    }

    #[test]
    fn ipv6_references_keep_their_brackets() {
        let u = ok("sip:user@[2001:db8::10]:5070;lr");
        assert_eq!((u.host, u.port_no), (&b"[2001:db8::10]"[..], 5070));
        assert_eq!(ok("sip:[2001:db8::10:5070]").port_no, 0);
        assert_eq!(
            ok("sip:user@[2001:db8:::192.0.2.1]").host,
            b"[2001:db8:::192.0.2.1]"
        );
    }

    #[test]
    fn telephone_numbers_are_in_the_user_field() {
        let u = ok("tel:+1-201-555-0123;phone-context=x");
        assert_eq!(
            (u.kind, u.user, u.host),
            (UriType::Tel, &b"+1-201-555-0123"[..], &b""[..])
        );
        assert!(u.user_normalize && !u.user_phone);
        assert_eq!(u.params.get(b"phone-context"), Some(Some(&b"x"[..])));
        let u = ok("sip:+123;ext=4@gw.org;user=phone");
        assert_eq!(
            (u.kind, u.user, u.host),
            (UriType::Tel, &b"+123"[..], &b"gw.org"[..])
        );
        assert!(u.user_phone && !u.user_normalize);
        assert_eq!(
            (u.params.0, u.sip_params.0),
            (&b"ext=4"[..], &b"user=phone"[..])
        );
        assert_eq!(ok("sip:+123@gw.org;user=PHONE").kind, UriType::Sip);
    }

    #[test]
    fn urn_is_known_and_not_taken_apart() {
        let u = ok("urn:service:sos");
        assert_eq!((u.kind, u.host), (UriType::Urn, &b""[..]));
        assert_eq!(ok("cid:a@b").kind, UriType::Cid);
    }

    #[test]
    fn a_uri_may_end_inside_a_parameter_name() {
        for text in [
            "sip:h;m",
            "sip:h;ma",
            "sip:h;mad",
            "sip:h;madd",
            "sip:h;maddr",
            "sip:h;maddr=",
            "sip:h;t=",
            "sip:h;",
        ] {
            assert_eq!(ok(text).host, b"h", "{text}");
        }
    }

    #[test]
    fn broken_uris_say_what_is_wrong() {
        let all = [
            ("sip:", BadUri::TooShort),
            ("http://a.b", BadUri::Scheme),
            ("mailto:a@b", BadUri::Scheme),
            ("sip::5060", BadUri::Char(b':', 4)),
            ("sip:@host", BadUri::Char(b'@', 4)),
            ("sip:]host", BadUri::Char(b']', 4)),
            ("sip:u[x]@host", BadUri::Char(b'[', 5)),
            ("sip:u@h@i", BadUri::Char(b'@', 7)),
            ("sip:u@h;p=a@b", BadUri::Char(b'@', 11)),
            ("sip:u@a&b", BadUri::Char(b'&', 7)),
            ("sip:u@", BadUri::Host),
            ("sip:u@;lr", BadUri::Host),
            ("sip:u@[::1", BadUri::Host),
            ("sip:u@[]", BadUri::Host),
            ("sip:u@[::1]x", BadUri::Char(b'x', 11)),
            ("sip:u@h:50a", BadUri::Port),
            ("sip:u@h:99999", BadUri::Port),
            ("sip:h?a;b", BadUri::Headers),
            ("<sip:user@example.com>", BadUri::Scheme),
        ];
        for (text, want) in all {
            let got = Uri::parse(text.as_bytes());
            assert_eq!(got.unwrap_err(), ParseError::Uri(want), "{text}");
        }
    }
}
