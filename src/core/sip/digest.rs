//! Credentials and challenges: Authorization, Proxy-Authorization, WWW-Authenticate,
//! Proxy-Authenticate (RFC 3261 §20.7, RFC 7616).
//!
//! Invariant: only the scheme Digest gets typed fields; values come without quotes, and escapes in
//! them are kept, because the digest is computed over the text between the quotes.

use super::ParseError;
use super::scan::{COMMA, EQUAL, WS, quoted_end, skip_ws, trimmed, until};

/// Digest algorithm that a client names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub enum Algorithm {
    /// No `algorithm`, which means MD5.
    #[default]
    Unspecified,
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
    AkaV1Md5,
    Other,
}

/// Quality of protection that a client names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub enum Qop {
    #[default]
    Unspecified,
    Auth,
    AuthInt,
    Other,
}

/// One Authorization body or challenge; a field that is not there is `None`.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Credentials<'a> {
    /// The scheme as received.
    pub scheme: &'a [u8],
    /// The text behind the scheme.
    pub text: &'a [u8],
    /// The scheme is Digest; only then the fields below are filled.
    pub digest: bool,
    /// `username` as a whole.
    pub username: Option<&'a [u8]>,
    pub realm: Option<&'a [u8]>,
    pub nonce: Option<&'a [u8]>,
    pub uri: Option<&'a [u8]>,
    pub response: Option<&'a [u8]>,
    /// Text of `algorithm`.
    pub algorithm: Option<&'a [u8]>,
    pub cnonce: Option<&'a [u8]>,
    pub opaque: Option<&'a [u8]>,
    /// Text of `qop`: one word in credentials, a list in challenges.
    pub qop: Option<&'a [u8]>,
    /// Text of `nc`: hex digits.
    pub nc: Option<&'a [u8]>,
    /// Text of `stale`, in challenges.
    pub stale: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// Parses the body of one of the four headers.
    pub fn parse(body: &'a [u8]) -> Result<Credentials<'a>, ParseError> {
        let start = skip_ws(body, 0);
        let end = until::<{ WS | COMMA }>(body, start);
        let scheme = &body[start..end];
        if scheme.is_empty() {
            return Err(ParseError::Credentials(start));
        }
        let mut credentials = Credentials {
            scheme,
            text: trimmed(body, end, body.len()),
            digest: scheme.eq_ignore_ascii_case(b"Digest"),
            ..Credentials::default()
        };
        if credentials.digest {
            credentials.read_fields(body, end)?;
        }
        Ok(credentials)
    }

    /// Walks `name=value` pairs from `b[i]` on; empty places between commas are skipped.
    fn read_fields(&mut self, b: &'a [u8], i: usize) -> Result<(), ParseError> {
        let mut at = skip_ws(b, i);
        while at < b.len() {
            if b[at] == b',' {
                at = skip_ws(b, at + 1);
                continue;
            }
            let name_end = until::<{ EQUAL | WS | COMMA }>(b, at);
            let equal = skip_ws(b, name_end);
            if b.get(equal) != Some(&b'=') {
                return Err(ParseError::Credentials(at));
            }
            let from = skip_ws(b, equal + 1);
            let (value, end) = if b.get(from) == Some(&b'"') {
                let to = quoted_end(b, from).ok_or(ParseError::Credentials(from))?;
                (&b[from + 1..to - 1], to)
            } else {
                let to = until::<{ WS | COMMA }>(b, from);
                (&b[from..to], to)
            };
            self.keep(&b[at..name_end], value);
            at = skip_ws(b, end);
            if at < b.len() && b[at] != b',' {
                return Err(ParseError::Credentials(at));
            }
        }
        Ok(())
    }

    /// Files a field; the last of a name wins, unknown names are ignored.
    fn keep(&mut self, name: &[u8], value: &'a [u8]) {
        let fields: [(&[u8], &mut Option<&'a [u8]>); 11] = [
            (b"username", &mut self.username),
            (b"realm", &mut self.realm),
            (b"nonce", &mut self.nonce),
            (b"uri", &mut self.uri),
            (b"response", &mut self.response),
            (b"algorithm", &mut self.algorithm),
            (b"cnonce", &mut self.cnonce),
            (b"opaque", &mut self.opaque),
            (b"qop", &mut self.qop),
            (b"nc", &mut self.nc),
            (b"stale", &mut self.stale),
        ];
        for (known, field) in fields {
            if name.eq_ignore_ascii_case(known) {
                *field = Some(value);
                return;
            }
        }
    }

    /// The part of `username` before its first `@`.
    pub fn user(&self) -> &'a [u8] {
        let whole = self.username.unwrap_or_default();
        memchr::memchr(b'@', whole).map_or(whole, |at| &whole[..at])
    }

    /// The part of `username` behind its first `@`; empty without.
    pub fn domain(&self) -> &'a [u8] {
        let whole = self.username.unwrap_or_default();
        memchr::memchr(b'@', whole).map_or(&[], |at| &whole[at + 1..])
    }

    /// What `algorithm` names.
    pub fn algorithm_id(&self) -> Algorithm {
        let Some(text) = self.algorithm else {
            return Algorithm::Unspecified;
        };
        let known: [(&[u8], Algorithm); 5] = [
            (b"MD5", Algorithm::Md5),
            (b"MD5-sess", Algorithm::Md5Sess),
            (b"SHA-256", Algorithm::Sha256),
            (b"SHA-256-sess", Algorithm::Sha256Sess),
            (b"AKAv1-MD5", Algorithm::AkaV1Md5),
        ];
        let mut all = known.iter();
        all.find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map_or(Algorithm::Other, |(_, id)| *id)
    }

    /// What `qop` names, for credentials.
    pub fn qop_id(&self) -> Qop {
        match self.qop {
            None => Qop::Unspecified,
            Some(q) if q.eq_ignore_ascii_case(b"auth") => Qop::Auth,
            Some(q) if q.eq_ignore_ascii_case(b"auth-int") => Qop::AuthInt,
            Some(_) => Qop::Other,
        }
    }

    /// True when the credentials have every field that checking a response needs: username, realm,
    /// nonce, uri, response, and with a qop also cnonce and nc.
    pub fn is_complete(&self) -> bool {
        let filled = |field: Option<&[u8]>| field.is_some_and(|f| !f.is_empty());
        let with_qop = matches!(self.qop_id(), Qop::Auth | Qop::AuthInt);
        self.digest
            && !self.user().is_empty()
            // An empty realm is legal (RFC 3261 §22.1 leaves its text open).
            && self.realm.is_some()
            && filled(self.nonce)
            && filled(self.uri)
            && filled(self.response)
            && (!with_qop || (filled(self.cnonce) && filled(self.nc)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &[u8] = b"Digest username=\"bob@biloxi.com\",\r\n realm=\"biloxi.com\", nonce=\"dcd98b\", uri=\"sip:bob@biloxi.com\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae4\", opaque=\"5ccc\", algorithm=md5, x=y";

    #[test]
    fn digest_fields_are_typed() {
        let c = Credentials::parse(FULL).unwrap();
        assert!(c.digest && c.is_complete());
        assert_eq!((c.user(), c.domain()), (&b"bob"[..], &b"biloxi.com"[..]));
        assert_eq!(c.realm, Some(&b"biloxi.com"[..]));
        assert_eq!(
            (c.nc, c.cnonce),
            (Some(&b"00000001"[..]), Some(&b"0a4f113b"[..]))
        );
        assert_eq!((c.algorithm_id(), c.qop_id()), (Algorithm::Md5, Qop::Auth));
        assert_eq!(c.opaque, Some(&b"5ccc"[..]));
        assert_eq!(c.stale, None);
    }

    #[test]
    fn another_scheme_keeps_its_text() {
        let c = Credentials::parse(b"NoOneKnowsThisScheme opaque-data=here").unwrap();
        assert_eq!(
            (c.scheme, c.text),
            (&b"NoOneKnowsThisScheme"[..], &b"opaque-data=here"[..])
        );
        assert!(!c.digest && !c.is_complete());
    }

    #[test]
    fn a_qop_needs_cnonce_and_nc() {
        let c = Credentials::parse(
            b"digest username=\"a\",realm=\"\",nonce=\"n\",uri=\"u\",response=\"r\"",
        )
        .unwrap();
        assert!(c.is_complete());
        let c = Credentials::parse(
            b"digest username=\"a\",realm=\"\",nonce=\"n\",uri=\"u\",response=\"r\",qop=auth",
        )
        .unwrap();
        assert!(!c.is_complete());
    }

    #[test]
    fn broken_credentials_are_refused() {
        for bad in [
            "",
            "Digest username",
            "Digest username=\"a",
            "Digest username=\"a\" realm=\"b\"",
        ] {
            assert!(Credentials::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
