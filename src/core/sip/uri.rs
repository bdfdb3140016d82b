//! SIP, SIPS, TEL URIs (RFC 3261 §19, RFC 3966), as SER's parser reads them.
//!
//! Invariant: what stands before the first `@` is the user part, whatever is in it (RFC 4475
//! `semiuri`, `intmeth`); a second `@` outside it is an error. Hosts are not checked as DNS names.

use super::error::BadUri;
use super::scan::port;
use super::{Params, ParseError, ViaProto};
use memchr::{memchr, memchr3};

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
        let host_at = uri.read_user(start)?;
        let mut at = uri.read_host(host_at)?;
        if text.get(at) == Some(&b':') {
            at = uri.read_port(at + 1)?;
        }
        if text.get(at) == Some(&b';') {
            at = uri.read_params(at + 1)?;
        }
        if text.get(at) == Some(&b'?') {
            uri.headers = &text[at + 1..];
            if memchr(b';', uri.headers).is_some() {
                return Err(BadUri::Headers);
            }
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
    #[inline]
    fn read_user(&mut self, start: usize) -> Result<usize, BadUri> {
        let text = self.text;
        let Some(n) = memchr(b'@', &text[start..]) else {
            return Ok(start);
        };
        let at = start + n;
        let userinfo = &text[start..at];
        if let Some(n) = memchr::memchr2(b'[', b']', userinfo) {
            return Err(BadUri::Char(userinfo[n], start + n));
        }
        if let Some(n) = memchr(b'@', &text[at + 1..]) {
            return Err(BadUri::Char(b'@', at + 1 + n));
        }
        match memchr(b':', userinfo) {
            Some(n) => (self.user, self.passwd) = (&userinfo[..n], &userinfo[n + 1..]),
            None => self.user = userinfo,
        }
        Ok(at + 1)
    }

    /// Reads the host that begins at `i`; returns the index of what ends it.
    #[inline]
    fn read_host(&mut self, i: usize) -> Result<usize, BadUri> {
        let text = self.text;
        let end = if text.get(i) == Some(&b'[') {
            let close = i + memchr(b']', &text[i..]).ok_or(BadUri::Host)?;
            let inside = &text[i + 1..close];
            let hex = |c: &u8| c.is_ascii_hexdigit() || matches!(c, b':' | b'.');
            if inside.is_empty() || !inside.iter().all(hex) {
                return Err(BadUri::Host);
            }
            close + 1
        } else {
            i + memchr3(b':', b';', b'?', &text[i..]).unwrap_or(text.len() - i)
        };
        self.host = &text[i..end];
        if self.host.is_empty() {
            return Err(BadUri::Host);
        }
        if text[i] != b'['
            && let Some(n) = memchr3(b'&', b'[', b']', self.host)
        {
            return Err(BadUri::Char(self.host[n], i + n));
        }
        match text.get(end) {
            None | Some(b':' | b';' | b'?') => Ok(end),
            Some(c) => Err(BadUri::Char(*c, end)),
        }
    }

    /// Reads the port digits that begin at `i`; an empty port is none, as in SER.
    #[inline]
    fn read_port(&mut self, i: usize) -> Result<usize, BadUri> {
        let text = self.text;
        let digits = text[i..].iter().take_while(|c| c.is_ascii_digit()).count();
        let end = i + digits;
        self.port = &text[i..end];
        if digits > 0 {
            self.port_no = port(self.port).ok_or(BadUri::Port)?;
        }
        match text.get(end) {
            None | Some(b';' | b'?') => Ok(end),
            Some(_) => Err(BadUri::Port),
        }
    }

    /// Reads the parameters that begin at `i`; returns the index of `?` or the end.
    #[inline]
    fn read_params(&mut self, i: usize) -> Result<usize, BadUri> {
        let text = self.text;
        let end = i + memchr(b'?', &text[i..]).unwrap_or(text.len() - i);
        self.params = Params(&text[i..end]);
        self.sip_params = self.params;
        for param in text[i..end].split(|&c| c == b';') {
            let equal = param.iter().position(|&c| c == b'=');
            let name = &param[..equal.unwrap_or(param.len())];
            let value = equal.map_or(&b""[..], |n| &param[n + 1..]);
            self.keep(name, value);
        }
        Ok(end)
    }

    /// Files a parameter that has a field of its own.
    #[inline]
    fn keep(&mut self, name: &[u8], value: &'a [u8]) {
        match (name.len(), name.first().map(|c| c | 0x20)) {
            (2, Some(b'l')) if name.eq_ignore_ascii_case(b"lr") => self.lr = true,
            (2, Some(b'r')) if name.eq_ignore_ascii_case(b"r2") => self.r2 = true,
            (9, Some(b't')) if name.eq_ignore_ascii_case(b"transport") => self.transport = value,
            (3, Some(b't')) if name.eq_ignore_ascii_case(b"ttl") => self.ttl = value,
            (4, Some(b'u')) if name.eq_ignore_ascii_case(b"user") => self.user_param = value,
            (5, Some(b'm')) if name.eq_ignore_ascii_case(b"maddr") => self.maddr = value,
            (6, Some(b'm')) if name.eq_ignore_ascii_case(b"method") => self.method = value,
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
