//! The line protocol of SER's FIFO, also spoken over sockets (reference: rpc-core, §4).
//!
//! A request is `:METHOD:REPLYNAME`, a parameter a line, and an empty line; the reply is `CODE REASON` and a
//! line for each value. Structs stand on one line with the members in reverse order of adding.

use super::{RpcContext, RpcEnd, RpcFault, RpcMethod, RpcRest, RpcValue, Sink, old_names};
use std::fmt::Write as _;
use std::io;

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: Vec<u8>,
    /// Name of the reply pipe in the FIFO directory; empty: no reply is wanted.
    pub reply: Vec<u8>,
    /// The parameters, escaped as they came.
    pub params: Vec<Vec<u8>>,
}

/// Why a first line is no command; the texts are SER's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadCommand(pub &'static str);

impl Request {
    /// Reads the first line, without its line end.
    pub fn parse_command(line: &[u8]) -> Result<Request, BadCommand> {
        let rest = line
            .strip_prefix(b":")
            .ok_or(BadCommand("Command must begin with :"))?;
        let at = rest
            .iter()
            .position(|b| *b == b':')
            .ok_or(BadCommand("File separator missing"))?;
        if at == 0 {
            return Err(BadCommand("Empty command"));
        }
        let (method, reply) = (&rest[..at], &rest[at + 1..]);
        if !reply.is_empty() && !is_plain_name(reply) {
            return Err(BadCommand("Bad reply file name"));
        }
        Ok(Request {
            method: method.to_vec(),
            reply: reply.to_vec(),
            params: Vec::new(),
        })
    }

    /// Reads a whole request: lines up to the empty one, or to the end.
    pub fn parse(text: &[u8]) -> Result<Request, BadCommand> {
        let mut lines = text
            .split(|b| *b == b'\n')
            .map(|l| l.strip_suffix(b"\r").unwrap_or(l));
        let mut request = Request::parse_command(lines.next().unwrap_or_default())?;
        let params = lines.take_while(|l| !l.is_empty());
        request.params = params.map(<[u8]>::to_vec).collect();
        Ok(request)
    }
}

/// A file name that cannot leave its directory.
pub fn is_plain_name(name: &[u8]) -> bool {
    name.len() <= 128
        && !name
            .iter()
            .any(|b| matches!(b, b'.' | b'/' | b'\\' | 0..=31))
}

/// So much of a reply is kept until it is known whether it is a fault; a longer one is sent as it comes.
const KEPT: usize = 64 * 1024;

/// Runs a method on a line request.
pub struct LineContext<'s> {
    params: std::vec::IntoIter<Vec<u8>>,
    kept: Vec<u8>,
    begun: bool,
    sink: &'s mut dyn Sink,
    /// The reply is not there yet.
    rest: Option<RpcRest>,
    /// The client took no more: nothing further is sent.
    broken: Option<io::ErrorKind>,
}

/// The method of a request, which may be an old name.
fn find(name: &[u8]) -> Option<&'static RpcMethod> {
    let present = || super::find(old_names::present(name)?.as_bytes());
    super::find(name).or_else(present)
}

impl<'s> LineContext<'s> {
    /// For the parameters of `request`.
    pub fn new(request: Request, sink: &'s mut dyn Sink) -> LineContext<'s> {
        LineContext {
            params: request.params.into_iter(),
            kept: Vec::new(),
            begun: false,
            sink,
            rest: None,
            broken: None,
        }
    }

    /// Looks the method up, runs it, and sends the whole reply. One that is not there yet comes back, for
    /// [`LineContext::reply`].
    pub fn run(request: Request, sink: &mut dyn Sink) -> io::Result<Option<RpcRest>> {
        let name = String::from_utf8_lossy(&request.method).into_owned();
        let method = find(&request.method);
        let mut ctx = LineContext::new(request, sink);
        let result = match method {
            Some(method) => super::call(method, &mut ctx),
            None => Err(RpcFault::new(500, format!("Command '{name}' not found"))),
        };
        match ctx.rest.take() {
            Some(rest) if result.is_ok() => Ok(Some(rest)),
            _ => ctx.end(result).map(|()| None),
        }
    }

    /// Sends a reply that came later.
    pub fn reply(end: RpcEnd, sink: &mut dyn Sink) -> io::Result<()> {
        let mut ctx = LineContext::new(Request::default(), sink);
        let added = end.values.into_iter().try_for_each(|v| ctx.add(v));
        ctx.end(added.and(end.result))
    }

    fn next_line(&mut self) -> Result<Vec<u8>, RpcFault> {
        let line = self
            .params
            .next()
            .ok_or_else(|| RpcFault::new(400, "Invalid parameter value"))?;
        Ok(unescape(&line))
    }

    fn begin(&mut self, code: u16, reason: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let line = format!("{code} {reason}\n");
        self.sink.write(line.as_bytes())
    }

    /// Status line, then what was kept: values that were added before a fault are sent as well.
    fn end(&mut self, result: Result<(), RpcFault>) -> io::Result<()> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        match result {
            Ok(()) => self.begin(200, "OK")?,
            Err(fault) => {
                let reason = fault.reason.replace(['\r', '\n'], " ");
                self.begin(fault.code, &reason)?;
            }
        }
        let kept = std::mem::take(&mut self.kept);
        self.sink.write(&kept)
    }
}

impl RpcContext for LineContext<'_> {
    fn next_int(&mut self) -> Result<i64, RpcFault> {
        let line = self.next_line()?;
        parse_int(&line).ok_or_else(|| RpcFault::new(400, "Invalid parameter value"))
    }
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault> {
        self.next_line()
    }
    fn next_double(&mut self) -> Result<f64, RpcFault> {
        let line = self.next_line()?;
        let text = std::str::from_utf8(&line).ok();
        text.and_then(|t| t.trim().parse().ok())
            .ok_or_else(|| RpcFault::new(400, "Invalid parameter value"))
    }
    fn has_next(&self) -> bool {
        self.params.len() > 0
    }
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault> {
        let line = value_line(&value);
        self.kept.extend_from_slice(&line);
        if self.kept.len() < KEPT {
            return Ok(());
        }
        let begun = self.begin(200, "OK");
        let kept = std::mem::take(&mut self.kept);
        begun.and_then(|()| self.sink.write(&kept)).map_err(|e| {
            self.broken = Some(e.kind());
            RpcFault::new(500, format!("the client is gone: {e}"))
        })
    }
    fn finish(&mut self) -> Result<(), RpcFault> {
        let sent = self.end(Ok(()));
        sent.map_err(|e| RpcFault::new(500, format!("the client is gone: {e}")))
    }
    fn later(&mut self, rest: RpcRest) -> Result<(), RpcRest> {
        self.rest = Some(rest);
        Ok(())
    }
}

/// As strtol(3) with base 0: decimal, `0x…`, `0…`.
fn parse_int(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let n = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            i64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    Some(if negative { -n } else { n })
}

/// A value as its line, line end included.
fn value_line(value: &RpcValue) -> Vec<u8> {
    let mut line = Vec::new();
    match value {
        RpcValue::Struct(members) => {
            for (i, (name, value)) in members.iter().rev().enumerate() {
                if i > 0 {
                    line.push(b',');
                }
                escape(name.as_bytes(), true, &mut line);
                line.push(b':');
                scalar(value, true, &mut line);
            }
        }
        value => scalar(value, false, &mut line),
    }
    line.push(b'\n');
    line
}

fn scalar(value: &RpcValue, inside: bool, line: &mut Vec<u8>) {
    match value {
        RpcValue::Int(n) | RpcValue::Time(n) => line.extend_from_slice(n.to_string().as_bytes()),
        RpcValue::Bool(b) => line.push(if *b { b'1' } else { b'0' }),
        RpcValue::Double(n) => {
            let mut text = String::new();
            let written = write!(text, "{n:.6}");
            debug_assert!(written.is_ok(), "a string takes everything");
            line.extend_from_slice(text.as_bytes());
        }
        RpcValue::Str(text) => escape(text, inside, line),
        // There is no form for values inside of values: they are told one after the other.
        RpcValue::Struct(members) => {
            for (i, (name, value)) in members.iter().enumerate() {
                line.extend_from_slice(if i > 0 { b" " } else { b"" });
                escape(name.as_bytes(), true, line);
                line.push(b'=');
                scalar(value, true, line);
            }
        }
        RpcValue::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                line.extend_from_slice(if i > 0 { b" " } else { b"" });
                scalar(value, true, line);
            }
        }
    }
}

fn escape(text: &[u8], inside: bool, line: &mut Vec<u8>) {
    for &byte in text {
        let mark = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'\\' => b'\\',
            0 => b'0',
            b':' if inside => b'o',
            b',' if inside => b'c',
            _ => {
                line.push(byte);
                continue;
            }
        };
        line.extend_from_slice(&[b'\\', mark]);
    }
}

/// SER reads `\c` as `:` and `\o` as `,`, the other way round than it writes them; tools count on it.
fn unescape(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => text.push(b'\n'),
            Some(b'r') => text.push(b'\r'),
            Some(b't') => text.push(b'\t'),
            Some(b'0') => text.push(0),
            Some(b'c') => text.push(b':'),
            Some(b'o') => text.push(b','),
            Some(other) => text.push(other),
            None => text.push(b'\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_method_and_reply_pipe() {
        let request = Request::parse(b":core.prints:reply\na\\cb\n\nrest").unwrap();
        assert_eq!(
            (&request.method[..], &request.reply[..]),
            (&b"core.prints"[..], &b"reply"[..])
        );
        assert_eq!(request.params, [b"a\\cb".to_vec()]);
        for bad in [
            "",
            "uptime",
            ":uptime",
            "::x",
            ":uptime:../x",
            ":uptime:a/b",
        ] {
            assert!(Request::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn structs_stand_on_a_line_in_reverse() {
        let value = RpcValue::Struct(vec![
            ("domain", RpcValue::Str(b"a:b,c".to_vec())),
            ("users", RpcValue::Int(2)),
        ]);
        assert_eq!(value_line(&value), b"users:2,domain:a\\ob\\cc\n");
        assert_eq!(value_line(&RpcValue::Str(b"a:b\n".to_vec())), b"a:b\\n\n");
        assert_eq!(value_line(&RpcValue::Double(0.5)), b"0.500000\n");
    }

    #[test]
    fn numbers_are_read_as_strtol_reads_them() {
        for (text, n) in [("10", 10), ("0x1F", 31), ("010", 8), ("-3", -3), ("0", 0)] {
            assert_eq!(parse_int(text.as_bytes()), Some(n), "{text}");
        }
        assert_eq!(parse_int(b"1x"), None);
    }

    #[test]
    fn a_long_reply_is_sent_as_it_comes() {
        let mut sink: Vec<u8> = Vec::new();
        let mut ctx = LineContext::new(Request::default(), &mut sink);
        for _ in 0..1000 {
            ctx.add(RpcValue::Str(vec![b'x'; 1000])).unwrap();
            assert!(ctx.kept.len() < KEPT + 1001);
        }
        ctx.finish().unwrap();
        assert!(sink.starts_with(b"200 OK\nxxx"));
        assert_eq!(sink.len(), 7 + 1000 * 1001);
    }

    #[test]
    fn an_unknown_method_is_a_fault_in_the_words_of_the_original() {
        let mut sink: Vec<u8> = Vec::new();
        let request = Request::parse(b":nosuch:\n\n").unwrap();
        assert!(LineContext::run(request, &mut sink).unwrap().is_none());
        assert_eq!(sink, b"500 Command 'nosuch' not found\n");
    }
}
