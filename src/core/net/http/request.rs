//! One HTTP request from the bytes of a connection.

/// How long parts of a request may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Request line and header fields.
    pub head: usize,
    /// Body, without the framing of chunks.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: 16 * 1024,
            body: 1 << 20,
        }
    }
}

/// Most header fields.
const MAX_FIELDS: usize = 64;
/// Longest framing of a chunked body beside its bytes.
const MAX_FRAMING: usize = 256 * 1024;

/// Why a request is not served: status and text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal(pub u16, pub &'static str);

const BAD: Refusal = Refusal(400, "Bad Request");
const TOO_LARGE: Refusal = Refusal(413, "Content Too Large");
const HEAD_TOO_LARGE: Refusal = Refusal(431, "Request Header Fields Too Large");
const UNKNOWN_CODING: Refusal = Refusal(501, "Not Implemented");

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The target without its query.
    pub path: String,
    /// 0 or 1: the minor version.
    pub version: u8,
    /// The body, without framing.
    pub body: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
}

/// What bytes come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// A request, and how many bytes it took.
    Whole(Request, usize),
    /// More has to come.
    Partial {
        /// The client waits for a 100 before it sends the body.
        wants_continue: bool,
    },
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Request {
    /// Reads the request at the front of `input`.
    pub fn parse(input: &[u8], limits: &Limits) -> Result<Parsed, Refusal> {
        let more = Ok(Parsed::Partial {
            wants_continue: false,
        });
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let length = match head.parse(&input[..input.len().min(limits.head)]) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if input.len() >= limits.head => {
                return Err(HEAD_TOO_LARGE);
            }
            Ok(httparse::Status::Partial) => return more,
            Err(httparse::Error::TooManyHeaders) => return Err(HEAD_TOO_LARGE),
            Err(_) => return Err(BAD),
        };
        let mut request = Request::from_head(&head);
        let (body, taken) = match request.framing(limits)? {
            Framing::Length(n) => (input[length..].get(..n).map(<[u8]>::to_vec), n),
            Framing::Chunked => match chunked(&input[length..], limits)? {
                Some((body, taken)) => (Some(body), taken),
                None => (None, 0),
            },
        };
        let Some(body) = body else {
            let wants_continue = request.version == 1 && request.says("expect", "100-continue");
            return Ok(Parsed::Partial { wants_continue });
        };
        request.body = body;
        Ok(Parsed::Whole(request, length + taken))
    }

    fn from_head(head: &httparse::Request<'_, '_>) -> Request {
        let target = head.path.unwrap_or("/");
        let field = |f: &httparse::Header<'_>| (f.name.to_ascii_lowercase(), f.value.to_vec());
        Request {
            method: head.method.unwrap_or("").to_owned(),
            path: target.split(['?', '#']).next().unwrap_or("").to_owned(),
            version: head.version.unwrap_or(0),
            body: Vec::new(),
            fields: head.headers.iter().map(field).collect(),
        }
    }

    /// The value of the first header field of that name (in lower case).
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether the header field has that word in its list.
    pub fn says(&self, name: &str, word: &str) -> bool {
        let all = self.fields.iter().filter(|(known, _)| known == name);
        let mut words = all.flat_map(|(_, value)| value.split(|b| *b == b','));
        words.any(|w| w.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether the connection goes on after it (RFC 9112 §9.3).
    pub fn keeps_alive(&self) -> bool {
        match self.version {
            0 => self.says("connection", "keep-alive"),
            _ => !self.says("connection", "close"),
        }
    }

    /// RFC 9112 §6.3; a message with both kinds of framing is an attack, not a request.
    fn framing(&self, limits: &Limits) -> Result<Framing, Refusal> {
        let of = |wanted: &'static str| self.fields.iter().filter(move |(name, _)| name == wanted);
        let coding: Vec<&[u8]> = of("transfer-encoding").map(|(_, v)| v.as_slice()).collect();
        let mut lengths = of("content-length").map(|(_, v)| v.as_slice());
        let Some(length) = lengths.next() else {
            return match coding[..] {
                [] => Ok(Framing::Length(0)),
                [one] if one.trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
                _ => Err(UNKNOWN_CODING),
            };
        };
        if !coding.is_empty() || lengths.any(|other| other != length) {
            return Err(BAD);
        }
        let digits = length.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(BAD);
        }
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|d| d.parse().ok());
        match number {
            Some(n) if n <= limits.body => Ok(Framing::Length(n)),
            _ => Err(TOO_LARGE),
        }
    }
}

/// Undoes the chunked coding (RFC 9112 §7.1): the body and how many bytes it took; `None`: more has to come.
fn chunked(input: &[u8], limits: &Limits) -> Result<Option<(Vec<u8>, usize)>, Refusal> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        if at - body.len() > MAX_FRAMING {
            return Err(TOO_LARGE);
        }
        let (start, size) = match httparse::parse_chunk_size(&input[at..]) {
            Ok(httparse::Status::Complete((start, size))) => (at + start, size),
            Ok(httparse::Status::Partial) if input.len() - at > MAX_FRAMING => return Err(BAD),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(BAD),
        };
        if size == 0 {
            return Ok(end_of_trailers(&input[start..])?.map(|n| (body, start + n)));
        }
        let size = usize::try_from(size).map_err(|_| TOO_LARGE)?;
        if size > limits.body - body.len() {
            return Err(TOO_LARGE);
        }
        let Some(piece) = input.get(start..start + size + 2) else {
            return Ok(None);
        };
        let piece = piece.strip_suffix(b"\r\n").ok_or(BAD)?;
        body.extend_from_slice(piece);
        at = start + size + 2;
    }
}

/// Trailer fields are read and forgotten.
fn end_of_trailers(input: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(input, &mut fields) {
        Ok(httparse::Status::Complete((length, _))) => Ok(Some(length)),
        Ok(httparse::Status::Partial) if input.len() > MAX_FRAMING => Err(HEAD_TOO_LARGE),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(BAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Parsed, Refusal> {
        let limits = Limits {
            head: 200,
            body: 20,
        };
        Request::parse(text.as_bytes(), &limits)
    }

    fn body(text: &str) -> Vec<u8> {
        match parse(text) {
            Ok(Parsed::Whole(request, length)) => {
                assert_eq!(length, text.len(), "{text}");
                request.body
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_body_has_a_length_or_chunks() {
        assert_eq!(
            body("POST /rpc HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
            b"abc"
        );
        let chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n";
        assert_eq!(body(chunks), b"abcde");
        assert_eq!(body("GET /metrics?x=1 HTTP/1.0\r\n\r\n"), b"");
    }

    #[test]
    fn every_beginning_of_a_request_wants_more() {
        let whole = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            let parsed = parse(&whole[..end]);
            assert!(
                matches!(parsed, Ok(Parsed::Partial { .. })),
                "{end}: {parsed:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_or_too_long_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(300));
        for (text, status) in [
            ("hello there\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 21\r\n\r\n", 413),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                413,
            ),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
                413,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
                400,
            ),
            (&long, 431),
        ] {
            assert_eq!(parse(text).unwrap_err().0, status, "{text}");
        }
    }

    #[test]
    fn the_connection_goes_on_as_version_and_header_say() {
        let keeps = |text: &str| match parse(text) {
            Ok(Parsed::Whole(request, _)) => request.keeps_alive(),
            other => panic!("{other:?}"),
        };
        assert!(keeps("GET / HTTP/1.1\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn a_client_that_waits_before_its_body_is_told_to_go_on() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
        let wants_continue = true;
        assert_eq!(parse(text), Ok(Parsed::Partial { wants_continue }));
    }
}
