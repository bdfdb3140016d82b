//! The formats of module xlog: text with `%` specifiers that a message fills in.

use super::select::{self, SelectResult};
use super::{Select, parse_avp_spec};
use crate::core::forward::text::{push_ip, push_number};
use crate::core::module::StrValue;
use crate::core::msg::{AvpSpec, AvpValue, Branch, BumpVec, Q_UNSPECIFIED, SipMsg};
use crate::core::sip::{FirstLine, HdrType, Header, NameAddr};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is written where there is no value.
const NULL: &[u8] = b"<null>";
/// Lists (`%bR`, `%{Name[*]}`) that would be longer are null.
const MAX_LIST: usize = 511;

/// A compiled format.
pub struct XlFormat {
    source: String,
    pieces: Vec<Piece>,
    /// A color was set and is reset at the end.
    colored: bool,
}

enum Piece {
    Text(Vec<u8>),
    Spec(Spec),
    Header { name: Vec<u8>, index: HeaderIndex },
    Avp(AvpSpec),
    Select(Select),
    Null,
}

#[derive(Clone, Copy)]
enum HeaderIndex {
    /// From 0; negative from the end.
    At(i32),
    All,
}

#[derive(Clone, Copy)]
enum Spec {
    Branch,
    Branches,
    CallId,
    CSeq,
    Contact,
    DestinationSet,
    FromUri,
    FromTag,
    HostName,
    HostDomain,
    HostFull,
    HostIp,
    Buffer,
    Flags,
    Id,
    IdHex,
    Length,
    NextHop,
    Pid,
    PidHex,
    Method,
    RequestUri,
    Status,
    Reason,
    ReferTo,
    ReceivedIp,
    ReceivedPort,
    SourceIp,
    SourcePort,
    ToUri,
    ToTag,
    Time,
    TimeText,
    TimeHex,
    UserAgent,
    Unique,
}

fn spec(two: [u8; 2]) -> Option<Spec> {
    Some(match &two {
        b"br" => Spec::Branch,
        b"bR" => Spec::Branches,
        b"ci" => Spec::CallId,
        b"cs" => Spec::CSeq,
        b"ct" => Spec::Contact,
        b"ds" => Spec::DestinationSet,
        b"fu" => Spec::FromUri,
        b"ft" => Spec::FromTag,
        b"Hn" => Spec::HostName,
        b"Hd" => Spec::HostDomain,
        b"Hf" => Spec::HostFull,
        b"Hi" => Spec::HostIp,
        b"mb" => Spec::Buffer,
        b"mf" => Spec::Flags,
        b"mi" => Spec::Id,
        b"mx" => Spec::IdHex,
        b"ml" => Spec::Length,
        b"nh" => Spec::NextHop,
        b"pp" => Spec::Pid,
        b"px" => Spec::PidHex,
        b"rm" => Spec::Method,
        b"ru" => Spec::RequestUri,
        b"rs" => Spec::Status,
        b"rr" => Spec::Reason,
        b"rt" => Spec::ReferTo,
        b"Ri" => Spec::ReceivedIp,
        b"Rp" => Spec::ReceivedPort,
        b"si" => Spec::SourceIp,
        b"sp" => Spec::SourcePort,
        b"tu" => Spec::ToUri,
        b"tt" => Spec::ToTag,
        b"Ts" => Spec::Time,
        b"Tf" => Spec::TimeText,
        b"Tx" => Spec::TimeHex,
        b"ua" => Spec::UserAgent,
        b"uq" => Spec::Unique,
        _ => return None,
    })
}

/// First letters of two-letter specifiers: an unknown second letter belongs to them.
const FIRST_LETTERS: &[u8] = b"bcdfHmnprRstTu";

impl XlFormat {
    /// Compiles a format; the error says what is malformed.
    pub fn parse(text: &[u8]) -> Result<XlFormat, String> {
        let mut parser = Parser {
            rest: text,
            pieces: Vec::new(),
            literal: Vec::new(),
            colored: false,
        };
        while let Some((&byte, rest)) = parser.rest.split_first() {
            parser.rest = rest;
            if byte == b'%' {
                parser.specifier()?
            } else {
                parser.literal.push(byte)
            }
        }
        parser.flush();
        Ok(XlFormat {
            source: String::from_utf8_lossy(text).into_owned(),
            pieces: parser.pieces,
            colored: parser.colored,
        })
    }

    /// The text without specifiers, if it has none.
    pub fn literal(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the filled-in text.
    pub fn write<'a>(&self, msg: &mut SipMsg<'a>, out: &mut BumpVec<'a, u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice_copy(text),
                Piece::Null => out.extend_from_slice_copy(NULL),
                Piece::Spec(spec) => {
                    let start = out.len();
                    if write_spec(*spec, msg, out).is_none() {
                        out.truncate(start);
                        out.extend_from_slice_copy(NULL);
                    }
                }
                Piece::Header { name, index } => match header(msg, name, *index) {
                    Some(text) => out.extend_from_slice_copy(text),
                    None => out.extend_from_slice_copy(NULL),
                },
                Piece::Avp(spec) => match msg.avps.lookup(spec) {
                    Some(AvpValue::Str(text)) => out.extend_from_slice_copy(text),
                    Some(AvpValue::Int(n)) => push_number(out, (n as u32).into()),
                    None => out.extend_from_slice_copy(NULL),
                },
                Piece::Select(select) => match select.get(msg) {
                    SelectResult::Value(text) => out.extend_from_slice_copy(text),
                    SelectResult::Null => out.extend_from_slice_copy(NULL),
                    SelectResult::Error => {}
                },
            }
        }
        if self.colored {
            out.extend_from_slice_copy(b"\x1b[0m");
        }
    }
}

impl StrValue for XlFormat {
    fn eval<'a>(&self, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
        let mut out = BumpVec::with_capacity_in(128, msg.arena);
        self.write(msg, &mut out);
        Some(out.into_bump_slice())
    }
    fn source(&self) -> &str {
        &self.source
    }
}

struct Parser<'t> {
    rest: &'t [u8],
    pieces: Vec<Piece>,
    literal: Vec<u8>,
    colored: bool,
}

impl Parser<'_> {
    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pieces
                .push(Piece::Text(std::mem::take(&mut self.literal)));
        }
    }

    fn push(&mut self, piece: Piece) {
        self.flush();
        self.pieces.push(piece);
    }

    fn take(&mut self, n: usize) {
        self.rest = &self.rest[n.min(self.rest.len())..];
    }

    /// Reads what follows a `%`.
    fn specifier(&mut self) -> Result<(), String> {
        let Some(&first) = self.rest.first() else {
            return Err("a format ends in %; write %% for a percent sign".into());
        };
        match first {
            b'%' => {
                self.literal.push(b'%');
                self.take(1);
            }
            b' ' | b'|' => self.take(1),
            b'C' => self.color()?,
            b'{' => self.header()?,
            b'<' => {
                let end = self.closing(b'>')?;
                self.take(end + 1);
                self.push(Piece::Null);
            }
            b'$' => self.avp(),
            b'@' => self.select()?,
            _ => self.two_letters(first),
        }
        Ok(())
    }

    fn two_letters(&mut self, first: u8) {
        let second = self.rest.get(1).copied();
        let known = second.and_then(|second| spec([first, second]));
        match known {
            Some(spec) => {
                self.take(2);
                self.push(Piece::Spec(spec));
            }
            None if FIRST_LETTERS.contains(&first) => {
                self.take(2);
                self.push(Piece::Null);
            }
            None => {
                self.take(1);
                self.push(Piece::Null);
            }
        }
    }

    fn closing(&self, bracket: u8) -> Result<usize, String> {
        self.rest
            .iter()
            .position(|&b| b == bracket)
            .ok_or_else(|| format!("{} is missing in a format", bracket as char))
    }

    fn color(&mut self) -> Result<(), String> {
        let number = |letter: u8| {
            b"xsrgybpcw"
                .iter()
                .position(|&l| l == letter.to_ascii_lowercase())
        };
        let (Some(&fg), Some(&bg)) = (self.rest.get(1), self.rest.get(2)) else {
            return Err("%C wants two color letters".into());
        };
        let (Some(f), Some(b)) = (number(fg), number(bg)) else {
            return Err(format!("bad color %C{}{}", fg as char, bg as char));
        };
        // x is "default" (39, 49); s black, r red, … are 30.. and 40..
        let code = |index: usize, base: usize| {
            if index == 0 {
                base + 9
            } else {
                base + index - 1
            }
        };
        let bold = u8::from(fg.is_ascii_uppercase());
        self.literal
            .extend(format!("\x1b[{bold};{};{}m", code(f, 30), code(b, 40)).bytes());
        self.colored = true;
        self.take(3);
        Ok(())
    }

    fn header(&mut self) -> Result<(), String> {
        let end = self.closing(b'}')?;
        let inner = &self.rest[1..end];
        let (name, index) = match inner.iter().position(|&b| b == b'[') {
            Some(open) => {
                let digits = inner[open + 1..]
                    .strip_suffix(b"]")
                    .ok_or("] is missing in %{…[…]}")?;
                let index = match digits {
                    b"*" => HeaderIndex::All,
                    n => HeaderIndex::At(
                        std::str::from_utf8(n)
                            .ok()
                            .and_then(|n| n.trim().parse().ok())
                            .ok_or("bad index in %{…[…]}")?,
                    ),
                };
                (&inner[..open], index)
            }
            None => (inner, HeaderIndex::At(0)),
        };
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(format!(
                "bad header name in %{{{}}}",
                String::from_utf8_lossy(inner)
            ));
        }
        let name = name.to_vec();
        self.take(end + 1);
        self.push(Piece::Header { name, index });
        Ok(())
    }

    fn avp(&mut self) {
        let word = |b: &&u8| {
            b.is_ascii_alphanumeric() || matches!(**b, b'_' | b'+' | b'-' | b'[' | b']' | b'.')
        };
        let mut length = self.rest[1..].iter().take_while(word).count();
        // A dot or dash that ends the word is text.
        while length > 0 && matches!(self.rest[length], b'.' | b'-') {
            length -= 1;
        }
        let piece = match parse_avp_spec(&self.rest[1..1 + length]) {
            Ok(spec) => Piece::Avp(spec),
            Err(_) => Piece::Null,
        };
        self.take(1 + length);
        self.push(piece);
    }

    fn select(&mut self) -> Result<(), String> {
        let length = select::extent(&self.rest[1..]);
        let text = String::from_utf8_lossy(&self.rest[1..1 + length]).into_owned();
        self.take(1 + length);
        let select = Select::compile(&text)?;
        self.push(Piece::Select(select));
        Ok(())
    }
}

fn body<'a>(msg: &mut SipMsg<'a>, kind: HdrType) -> Option<&'a [u8]> {
    msg.sip.header(kind).ok().flatten().map(|h| h.body)
}

/// Writes one specifier; `None`: it has no value for this message.
fn write_spec<'a>(spec: Spec, msg: &mut SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let request = msg.sip.is_request();
    let text: &[u8] = match spec {
        Spec::Branch => msg.branches.as_slice().first().filter(|_| request)?.uri,
        Spec::Branches => return write_branches(msg, out),
        Spec::CallId => msg.sip.call_id().ok()?,
        Spec::CSeq => msg.sip.cseq().ok()?.0,
        Spec::Contact => body(msg, HdrType::Contact)?,
        Spec::DestinationSet => return write_destination_set(msg, out),
        Spec::FromUri => msg.sip.from().ok()?.uri,
        Spec::FromTag => msg.sip.from().ok()?.tag.filter(|t| !t.is_empty())?,
        Spec::HostName => host().0.split('.').next()?.as_bytes(),
        Spec::HostDomain => host().0.split_once('.')?.1.as_bytes(),
        Spec::HostFull => host().0.as_bytes(),
        Spec::HostIp => host().1.as_deref()?.as_bytes(),
        Spec::Buffer => msg.buf(),
        Spec::NextHop => msg.next_hop(),
        Spec::Method => match *msg.sip.first() {
            FirstLine::Request { method_name, .. } => method_name,
            FirstLine::Reply { .. } => return None,
        },
        Spec::RequestUri if request => msg.request_uri(),
        Spec::RequestUri => return None,
        Spec::Status => match *msg.sip.first() {
            FirstLine::Reply { code, .. } => super::status_text(msg, code),
            FirstLine::Request { .. } => return None,
        },
        Spec::Reason => match *msg.sip.first() {
            FirstLine::Reply { reason, .. } => reason,
            FirstLine::Request { .. } => return None,
        },
        Spec::ReferTo => NameAddr::parse(body(msg, HdrType::ReferTo)?).ok()?.uri,
        Spec::ToUri => msg.sip.to().ok()?.uri,
        Spec::ToTag => msg.sip.to().ok()?.tag.filter(|t| !t.is_empty())?,
        Spec::UserAgent => body(msg, HdrType::UserAgent)?,
        other => return write_number(other, msg, out),
    };
    out.extend_from_slice_copy(text);
    Some(())
}

fn write_number<'a>(spec: Spec, msg: &mut SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let hex = |out: &mut BumpVec<'a, u8>, n: u64| write!(out, "{n:08x}").ok();
    match spec {
        Spec::Flags => push_number(out, msg.flags.into()),
        Spec::Id => push_number(out, msg.id.into()),
        Spec::IdHex => hex(out, msg.id.into())?,
        Spec::Length => push_number(out, msg.buf().len() as u64),
        Spec::Pid => push_number(out, crate::core::log::pid().into()),
        Spec::PidHex => hex(out, crate::core::log::pid().into())?,
        Spec::ReceivedIp => push_ip(out, msg.rcv.dst.ip()),
        Spec::ReceivedPort => push_number(out, msg.rcv.dst.port().into()),
        Spec::SourceIp => push_ip(out, msg.rcv.src.ip()),
        Spec::SourcePort => push_number(out, msg.rcv.src.port().into()),
        Spec::Time => push_number(out, msg.now().unsigned_abs()),
        Spec::TimeHex => hex(out, msg.now().unsigned_abs())?,
        Spec::TimeText => {
            let now = msg.now();
            out.extend_from_slice_copy(&crate::core::time::format_time(now, true, None));
        }
        Spec::Unique => {
            write!(out, "{:016x}", next_unique()).ok()?;
        }
        _ => return None,
    }
    Some(())
}

/// A counter with a random start in each process.
fn next_unique() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let start = START.get_or_init(|| {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u32(crate::core::log::pid());
        hasher.finish()
    });
    start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Full host name and its first address.
fn host() -> &'static (String, Option<String>) {
    static HOST: OnceLock<(String, Option<String>)> = OnceLock::new();
    HOST.get_or_init(|| {
        let name = nix::unistd::gethostname().map_or_else(
            |_| String::from("localhost"),
            |name| name.to_string_lossy().into_owned(),
        );
        let ip = crate::core::forward::resolve_host(name.as_bytes())
            .ok()
            .map(|ip| ip.to_string());
        (name, ip)
    })
}

fn write_branches<'a>(msg: &SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let start = out.len();
    for (i, branch) in msg.branches.as_slice().iter().enumerate() {
        if i > 0 {
            out.extend_from_slice_copy(b", ");
        }
        write_branch(out, branch);
    }
    (out.len() - start <= MAX_LIST).then_some(())
}

fn write_branch(out: &mut BumpVec<'_, u8>, branch: &Branch<'_>) {
    if branch.q == Q_UNSPECIFIED {
        out.extend_from_slice_copy(branch.uri);
        return;
    }
    out.push(b'<');
    out.extend_from_slice_copy(branch.uri);
    out.extend_from_slice_copy(b">;q=");
    let q = branch.q.clamp(0, 1000);
    let written = write!(out, "{}", f64::from(q) / 1000.0);
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
}

fn write_destination_set<'a>(msg: &SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let first = msg.new_uri().map(|uri| Branch {
        uri,
        dst_uri: None,
        q: msg.ruri_q,
        socket: None,
    });
    if first.is_none() && msg.branches.as_slice().is_empty() {
        return None;
    }
    out.extend_from_slice_copy(b"Contact: ");
    for (i, branch) in first.iter().chain(msg.branches.as_slice()).enumerate() {
        if i > 0 {
            out.extend_from_slice_copy(b", ");
        }
        write_branch(out, branch);
    }
    Some(())
}

fn header<'a>(msg: &mut SipMsg<'a>, name: &[u8], index: HeaderIndex) -> Option<&'a [u8]> {
    msg.sip.parse_all().ok()?;
    let kind = HdrType::of_name(name);
    let same = |h: &&Header<'a>| match kind {
        HdrType::Other => h.name.trim_ascii().eq_ignore_ascii_case(name),
        kind => h.kind == kind,
    };
    let mut all = msg.sip.parsed_headers().iter().filter(same);
    match index {
        HeaderIndex::At(n) if n >= 0 => all.nth(n as usize).map(|h| h.body),
        HeaderIndex::At(n) => all.rev().nth(n.unsigned_abs() as usize - 1).map(|h| h.body),
        HeaderIndex::All => {
            let mut list = BumpVec::new_in(msg.arena);
            for (i, header) in all.enumerate() {
                if i > 0 {
                    list.extend_from_slice_copy(b", ");
                }
                list.extend_from_slice_copy(header.body);
            }
            (!list.is_empty() && list.len() <= MAX_LIST).then(|| list.into_bump_slice())
        }
    }
}
