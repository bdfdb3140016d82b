//! One BINRPC request: from its packet to the packet of its reply.

use ser::core::rpc::binrpc::{Error, Header, Kind, Reader, Record, Writer, packet};
use ser::core::rpc::{self, RpcContext, RpcEnd, RpcFault, RpcRest, RpcValue};

/// Longest reason of a fault.
const MAX_REASON: usize = 255;

/// Answers a request whose header was read; `limit`: longest body of a reply. `send` gets the reply's packet, unless
/// the reply is not there yet: then it comes back, for [`late_packet`].
pub fn answer(
    header: &Header,
    body: &[u8],
    limit: usize,
    send: &mut dyn FnMut(Vec<u8>),
) -> Option<RpcRest> {
    let mut ctx = Context::new(body, limit, header.cookie, send);
    let result = run(header, &mut ctx);
    match ctx.rest.take() {
        Some(rest) if result.is_ok() => return Some(rest),
        _ => ctx.end(result),
    }
    None
}

/// The packet of a reply that came later.
pub fn late_packet(cookie: u32, limit: usize, end: RpcEnd) -> Vec<u8> {
    let mut packet = Vec::new();
    let mut keep = |made| packet = made;
    let mut ctx = Context::new(&[], limit, cookie, &mut keep);
    let added = end.values.into_iter().try_for_each(|v| ctx.add(v));
    ctx.end(added.and(end.result));
    packet
}

/// The packet of a fault.
pub fn fault_packet(cookie: u32, fault: &RpcFault) -> Vec<u8> {
    let mut body = Writer::new();
    body.int(fault.code.into());
    let reason = fault.reason.as_bytes();
    body.string(&reason[..reason.len().min(MAX_REASON)]);
    packet(Kind::Fault, cookie, &body.finish())
}

/// The fault for a packet that is none.
pub fn bad_request(why: Error) -> RpcFault {
    RpcFault::new(400, format!("bad request: {why}"))
}

fn run(header: &Header, ctx: &mut Context<'_>) -> Result<(), RpcFault> {
    if header.kind != Kind::Request {
        return Err(bad_request(Error::BadPacket));
    }
    let name = match ctx.params.next() {
        Ok(Record::Str(name)) => name,
        Ok(_) => return Err(bad_method(Error::WrongType)),
        Err(why) => return Err(bad_method(why)),
    };
    let Some(method) = rpc::find(name) else {
        let name = String::from_utf8_lossy(name);
        return Err(RpcFault::new(500, format!("command {name} not found")));
    };
    rpc::call(method, ctx)
}

fn bad_method(why: Error) -> RpcFault {
    RpcFault::new(400, format!("bad request method: {why}"))
}

struct Context<'p> {
    params: Reader<'p>,
    /// Number of the next parameter, from 0.
    number: usize,
    out: Writer,
    limit: usize,
    cookie: u32,
    send: &'p mut dyn FnMut(Vec<u8>),
    sent: bool,
    /// The reply is not there yet.
    rest: Option<RpcRest>,
}

impl<'p> Context<'p> {
    fn new(
        body: &'p [u8],
        limit: usize,
        cookie: u32,
        send: &'p mut dyn FnMut(Vec<u8>),
    ) -> Context<'p> {
        Context {
            params: Reader::new(body),
            number: 0,
            out: Writer::new(),
            limit,
            cookie,
            send,
            sent: false,
            rest: None,
        }
    }

    fn end(&mut self, result: Result<(), RpcFault>) {
        match result {
            _ if self.sent => {}
            Ok(()) => self.send_reply(),
            Err(fault) => (self.send)(fault_packet(self.cookie, &fault)),
        }
    }

    fn send_reply(&mut self) {
        let body = std::mem::take(&mut self.out).finish();
        (self.send)(packet(Kind::Reply, self.cookie, &body));
        self.sent = true;
    }

    fn next(&mut self, wanted: &str) -> Result<Record<'p>, RpcFault> {
        let read = self.params.next();
        let record = read.map_err(|why| self.bad_parameter(wanted, why))?;
        self.number += 1;
        Ok(record)
    }

    fn bad_parameter(&self, wanted: &str, why: Error) -> RpcFault {
        let number = self.number;
        RpcFault::new(
            400,
            format!("error at parameter {number}: expected {wanted} type but {why}"),
        )
    }

    /// The record just read has another type.
    fn mismatch(&mut self, wanted: &str) -> RpcFault {
        self.number -= 1;
        self.bad_parameter(wanted, Error::WrongType)
    }
}

/// A number that stands as text, and the other way round: clients cannot always tell.
impl RpcContext for Context<'_> {
    fn next_int(&mut self) -> Result<i64, RpcFault> {
        let record = self.next("integer")?;
        let read = match record {
            Record::Int(n) => Some(n),
            Record::Str(text) => std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()),
            _ => None,
        };
        read.ok_or_else(|| self.mismatch("integer"))
    }
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault> {
        match self.next("string")? {
            Record::Str(text) | Record::Bytes(text) => Ok(text.to_vec()),
            Record::Int(n) => Ok(n.to_string().into_bytes()),
            Record::Double(n) => Ok(n.to_string().into_bytes()),
            _ => Err(self.mismatch("string")),
        }
    }
    fn next_double(&mut self) -> Result<f64, RpcFault> {
        let read = match self.next("float")? {
            Record::Double(n) => Some(n),
            Record::Int(n) => Some(n as f64),
            Record::Str(text) => std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()),
            _ => None,
        };
        read.ok_or_else(|| self.mismatch("float"))
    }
    fn has_next(&self) -> bool {
        !self.params.is_empty()
    }
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault> {
        if self.sent {
            return Err(RpcFault::new(500, "the reply was sent already"));
        }
        self.out.value(&value);
        if self.out.len() <= self.limit {
            return Ok(());
        }
        Err(RpcFault::new(
            500,
            "Internal server error processing 'c': buffer too small (overflow) (-2)",
        ))
    }
    fn finish(&mut self) -> Result<(), RpcFault> {
        self.send_reply();
        Ok(())
    }
    fn later(&mut self, rest: RpcRest) -> Result<(), RpcRest> {
        self.rest = Some(rest);
        Ok(())
    }
}
