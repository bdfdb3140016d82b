//! Why bytes cannot be parsed, and the numbers and texts that go with it.
//!
//! Offsets count from the start of what was parsed: the receive buffer for errors of a
//! [`super::Message`], the text handed in for the parsers of single values.

use std::fmt;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseError {
    /// 16 bytes or fewer; the number of them.
    TooShort(usize),
    /// The first line is empty or wrong.
    FirstLine(BadFirstLine),
    /// A header line that the end of the buffer cuts, or without colon at the end; where it begins.
    Header(usize),
    /// A Via that cannot be read; where.
    Via(usize),
    /// A To, From or other name-addr that cannot be read; where.
    To(usize),
    /// A CSeq that cannot be read; where.
    CSeq(usize),
    /// A Content-Length that is no number; where.
    ContentLength(usize),
    /// A Contact that cannot be read; where.
    Contact(usize),
    /// A Route or Record-Route that cannot be read; where.
    Route(usize),
    /// Credentials or a challenge that cannot be read; where.
    Credentials(usize),
    /// A header value that should be a number or a list of tokens; where.
    Value(usize),
    /// A URI that cannot be read.
    Uri(BadUri),
    /// A q value that cannot be read.
    Q(BadQ),
    /// An escape that is no `%XX` of a printable character.
    Escape(usize),
    /// The header asked for is not there.
    Missing,
}

/// What is wrong with a first line. Positions are offsets in the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadFirstLine {
    /// Nothing but line ends, or no end of line.
    Empty,
    /// No single blank behind the method.
    Method,
    /// The request line is not `METHOD URI VERSION`.
    Request,
    /// The status line has no code or no blank behind it.
    Reply,
    /// The status code has not three characters; where it stands.
    CodeLength {
        /// Offset of the status code.
        at: usize,
        /// Length of it.
        len: usize,
    },
    /// The status code is not made of digits; where it stands.
    CodeNumber {
        /// Offset of the status code.
        at: usize,
    },
}

/// What is wrong with a URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadUri {
    /// Fewer than 5 characters.
    TooShort,
    /// A scheme that is not known.
    Scheme,
    /// A character that may not stand there; what and where.
    Char(u8, usize),
    /// An empty or broken host.
    Host,
    /// A port that is no number up to 65535.
    Port,
    /// `;` in the headers.
    Headers,
}

/// What is wrong with a q value; the numbers are SER's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadQ {
    /// A character that is no digit.
    Char = -15,
    /// Nothing there.
    Empty = -16,
    /// More than 1.
    TooBig = -17,
    /// Nothing behind the decimal point.
    NoDecimals = -18,
}

impl ParseError {
    /// The same error with its offsets moved by `by`: from a value to the message around it.
    pub(super) fn shifted(self, by: usize) -> ParseError {
        use ParseError::{CSeq, Contact, ContentLength, Credentials, Escape, Header};
        use ParseError::{Route, To, Value, Via};
        match self {
            Header(at) => Header(at + by),
            Via(at) => Via(at + by),
            To(at) => To(at + by),
            CSeq(at) => CSeq(at + by),
            ContentLength(at) => ContentLength(at + by),
            Contact(at) => Contact(at + by),
            Route(at) => Route(at + by),
            Credentials(at) => Credentials(at + by),
            Value(at) => Value(at + by),
            Escape(at) => Escape(at + by),
            ParseError::TooShort(_)
            | ParseError::FirstLine(_)
            | ParseError::Uri(_)
            | ParseError::Q(_)
            | ParseError::Missing => self,
        }
    }

    /// SER's `ser_error` for it: what `sl_reply_error` turns into a status code.
    pub fn ser_error(&self) -> i32 {
        match self {
            ParseError::Uri(_) => -479,
            ParseError::Q(q) => *q as i32,
            _ => -400,
        }
    }

    /// The error as a log line, with the offending text out of `buf` (what was parsed).
    pub fn describe<'b>(&self, buf: &'b [u8]) -> impl fmt::Display + 'b {
        Described(*self, buf)
    }

    /// Where in the parsed bytes the trouble is, if it has a place.
    pub fn offset(&self) -> Option<usize> {
        use ParseError::{CSeq, Contact, ContentLength, Credentials, Escape, Header};
        use ParseError::{Route, To, Value, Via};
        match *self {
            Header(at) | Via(at) | To(at) | CSeq(at) | ContentLength(at) | Contact(at)
            | Route(at) | Credentials(at) | Value(at) | Escape(at) => Some(at),
            ParseError::FirstLine(
                BadFirstLine::CodeLength { at, .. } | BadFirstLine::CodeNumber { at },
            )
            | ParseError::Uri(BadUri::Char(_, at)) => Some(at),
            ParseError::TooShort(_)
            | ParseError::FirstLine(_)
            | ParseError::Uri(_)
            | ParseError::Q(_)
            | ParseError::Missing => None,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::TooShort(n) => write!(f, "message too short: {n}"),
            ParseError::FirstLine(e) => e.fmt(f),
            ParseError::Header(at) => write!(f, "bad header field at byte {at}"),
            ParseError::Via(at) => write!(f, "bad via at byte {at}"),
            ParseError::To(at) => write!(f, "invalid To or From at byte {at}"),
            ParseError::CSeq(at) => write!(f, "bad cseq at byte {at}"),
            ParseError::ContentLength(at) => write!(f, "bad Content-Length at byte {at}"),
            ParseError::Contact(at) => write!(f, "bad Contact at byte {at}"),
            ParseError::Route(at) => write!(f, "bad Route or Record-Route at byte {at}"),
            ParseError::Credentials(at) => write!(f, "bad credentials at byte {at}"),
            ParseError::Value(at) => write!(f, "bad header value at byte {at}"),
            ParseError::Uri(e) => e.fmt(f),
            ParseError::Q(e) => e.fmt(f),
            ParseError::Escape(at) => write!(f, "bad escape at byte {at}"),
            ParseError::Missing => f.write_str("header not found"),
        }
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for BadFirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadFirstLine::Empty => "empty or bad first line",
            BadFirstLine::Method => "method not followed by SP",
            BadFirstLine::Request => "bad request first line",
            BadFirstLine::Reply => "bad reply(status) first line",
            BadFirstLine::CodeLength { .. } => "len(status code)!=3",
            BadFirstLine::CodeNumber { .. } => "status_code non-numerical",
        })
    }
}

impl fmt::Display for BadUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadUri::TooShort => f.write_str("uri too short"),
            BadUri::Scheme => f.write_str("bad uri, unknown scheme"),
            BadUri::Char(c, at) => write!(f, "bad char '{}' at byte {at}", c.escape_ascii()),
            BadUri::Host => f.write_str("bad host in uri"),
            BadUri::Port => f.write_str("bad port in uri"),
            BadUri::Headers => f.write_str("bad uri headers"),
        }
    }
}

impl fmt::Display for BadQ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadQ::Char => "invalid character in q parameter",
            BadQ::Empty => "empty q parameter",
            BadQ::TooBig => "q parameter too big",
            BadQ::NoDecimals => "decimal part missing in q",
        })
    }
}

/// An error with the bytes it speaks of.
struct Described<'b>(ParseError, &'b [u8]);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Described(error, buf) = self;
        error.fmt(f)?;
        let text = match *error {
            ParseError::FirstLine(BadFirstLine::CodeLength { at, len }) => {
                buf.get(at..at.saturating_add(len.min(64)))
            }
            ParseError::FirstLine(BadFirstLine::CodeNumber { at }) => {
                buf.get(at..at.saturating_add(3))
            }
            _ => error
                .offset()
                .and_then(|at| buf.get(at..buf.len().min(at.saturating_add(40)))),
        };
        match text {
            Some(text) if !text.is_empty() => write!(f, ": {}", text.escape_ascii()),
            _ => Ok(()),
        }
    }
}
