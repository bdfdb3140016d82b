//! RPC methods that send requests: `t_uac_dlg`, SER's FIFO command, whose reply begins with the code and reason
//! of the SIP reply; the same as `tm.t_uac_dlg` with code and reason among the values, as Kamailio has it; and
//! `tm.t_uac_cancel`.
//!
//! Parameters: method, Request-URI, next hop or `.`, socket or `.`, header lines, and the body if there is one.
//! The header lines may also come one a parameter, as lines of the FIFO did, up to `.` or the last; the body
//! follows line by line. `!!` in a header becomes address and port of the sending socket.

use super::header_block::{self, HeaderBlock};
use super::own;
use super::waiting::{Answer, Waiting};
use crate::params;
use crate::rpc::{cancel_all, cancel_named, fault, method, with_line_end};
use crate::table::TxId;
use ser::core::dialog::{self, Dialog, Party};
use ser::core::module::api::tm::UacRequest;
use ser::core::msg::{Bump, BumpVec, SerError, SipMsg};
use ser::core::net::{Proto, ReceiveInfo, SocketId, SocketInfo, find_socket, parse_ip};
use ser::core::process::{idle, processes};
use ser::core::rpc::{RpcContext, RpcEnd, RpcFault, RpcMethod, RpcRest, RpcValue};
use ser::core::sip::{Message, Method, Uri};
use ser::ipc::process_slot;
use std::time::{Duration, Instant};

const FIFO_DOC: &str = "Send a request and wait for its final reply: method, Request-URI, next hop or ., \
    socket or ., header lines, body. Reply: target, next hop, Route, headers and body; a fault for 300 and above.";
const DLG_DOC: &str = "Send a request and wait for its final reply: method, Request-URI, next hop or ., \
    socket or ., header lines, body. Reply: code, reason, target, next hop, Route, headers and body.";
const CANCEL_DOC: &str = "Cancel an INVITE: Call-ID and CSeq number.";

pub const T_UAC_DLG: [RpcMethod; 2] = [
    RpcMethod {
        ret_array: true,
        ..method("tm.t_uac_dlg", t_uac_dlg, DLG_DOC)
    },
    RpcMethod {
        ret_array: true,
        ..method("t_uac_dlg", fifo_t_uac_dlg, FIFO_DOC)
    },
];
pub const T_UAC_WAIT: RpcMethod = RpcMethod {
    ret_array: true,
    ..method("tm.t_uac_wait", t_uac_dlg, DLG_DOC)
};
pub const T_UAC_WAIT_BLOCK: RpcMethod = method(
    "tm.t_uac_wait_block",
    t_uac_wait_block,
    "As tm.t_uac_wait; reply: code and text.",
);
pub const T_UAC_START: RpcMethod = method(
    "tm.t_uac_start",
    t_uac_start,
    "Send a request without waiting: parameters as of tm.t_uac_dlg.",
);
pub const T_UAC_CANCEL: [RpcMethod; 2] = [
    method("tm.t_uac_cancel", t_uac_cancel, CANCEL_DOC),
    method("t_uac_cancel", t_uac_cancel, CANCEL_DOC),
];

/// A look at the answer's place.
const POLL: Duration = Duration::from_millis(20);

fn t_uac_cancel(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    cancel_named(ctx, || fault(481, "No such transaction"))
}

fn t_uac_start(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let arena = Bump::new();
    let given = read(ctx, &arena)?;
    send(&given.request(&arena)?).map(drop)
}

fn t_uac_dlg(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    wait(ctx, |answer| {
        let code = RpcValue::Int(answer.code.into());
        let status = [code, RpcValue::Str(answer.reason.clone())];
        let values = status.into_iter().chain(show(&answer)).collect();
        ok(values)
    })
}

fn fifo_t_uac_dlg(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    wait(ctx, |answer| RpcEnd {
        values: show(&answer).to_vec(),
        result: match answer.code {
            ..=299 => Ok(()),
            code => Err(RpcFault::new(code, String::from_utf8_lossy(&answer.reason))),
        },
    })
}

fn t_uac_wait_block(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    wait(ctx, |answer| {
        ok(vec![RpcValue::Struct(vec![
            ("code", RpcValue::Int(answer.code.into())),
            ("text", RpcValue::Str(answer.reason)),
        ])])
    })
}

fn ok(values: Vec<RpcValue>) -> RpcEnd {
    let result = Ok(());
    RpcEnd { values, result }
}

/// Sends the request and ends with what `end` makes of the answer.
fn wait(ctx: &mut dyn RpcContext, end: fn(Answer) -> RpcEnd) -> Result<(), RpcFault> {
    let arena = Bump::new();
    let given = read(ctx, &arena)?;
    let waiting = Waiting::open().map_err(refused)?;
    let request = UacRequest {
        callback: Some(waiting.callback()),
        events: Waiting::EVENTS,
        ..given.request(&arena)?
    };
    let Some(id) = send(&request)? else {
        // Nothing answers an ACK.
        return Ok(());
    };
    let limit = Instant::now() + patience(request.method);
    let rest: RpcRest = Box::new(move || match waiting.answer() {
        Some(answer) => Some(end(answer)),
        None if Instant::now() < limit => None,
        None => {
            // Somebody keeps it ringing; what is pending is cancelled.
            cancel_all(id);
            Some(RpcEnd {
                values: Vec::new(),
                result: Err(fault(408, "No final reply in time")),
            })
        }
    });
    match ctx.later(rest) {
        Ok(()) => Ok(()),
        Err(rest) => wait_here(ctx, rest, id),
    }
}

/// How long a final reply may take; tm's own timers are sooner unless an INVITE rings on and on.
fn patience(method: &[u8]) -> Duration {
    let ms = |param: i64| Duration::from_millis(u64::try_from(param).unwrap_or(0));
    let mut all = ms(params::FR_TIMER.get());
    if Method::parse(method) == Method::Invite {
        all += ms(params::FR_INV_TIMER.get());
    }
    all + Duration::from_secs(2)
}

/// Waits in this process, if it has nothing else to do.
fn wait_here(ctx: &mut dyn RpcContext, mut rest: RpcRest, id: TxId) -> Result<(), RpcFault> {
    if receives_sip() {
        cancel_all(id);
        let why = "Reply wait not possible in a process that receives SIP, use tm.t_uac_start";
        return Err(fault(600, why));
    }
    loop {
        match rest() {
            Some(end) => {
                end.values.into_iter().try_for_each(|v| ctx.add(v))?;
                return end.result;
            }
            None => idle(|| std::thread::sleep(POLL)),
        }
    }
}

/// Whether the reply may have to be taken in by this very process.
fn receives_sip() -> bool {
    let slot = process_slot();
    slot == 0 || processes().iter().any(|p| p.slot == slot && p.rank > 0)
}

fn send(request: &UacRequest<'_>) -> Result<Option<TxId>, RpcFault> {
    super::request(request).map_err(refused)
}

fn refused(error: SerError) -> RpcFault {
    let (code, phrase) = error.answer();
    RpcFault::new(code, format!("{phrase} ({}/RPC/UAC)", -error.0))
}

/// The parameters of a call.
struct Given<'a> {
    method: &'a [u8],
    ruri: &'a [u8],
    next_hop: &'a [u8],
    socket: Option<&'static SocketInfo>,
    headers: HeaderBlock<'a>,
    body: &'a [u8],
}

fn read<'a>(ctx: &mut dyn RpcContext, arena: &'a Bump) -> Result<Given<'a>, RpcFault> {
    let mut count = 0;
    let mut next = |ctx: &mut dyn RpcContext| -> Result<&'a [u8], RpcFault> {
        let few = |_| RpcFault::new(400, format!("too few parameters ({count}/5)"));
        let text = ctx.next_str().map_err(few)?;
        count += 1;
        Ok(arena.alloc_slice_copy(text.trim_ascii()))
    };
    let (method, ruri) = (next(ctx)?, next(ctx)?);
    let (next_hop, socket) = (next(ctx)?, next(ctx)?);
    let lines = next(ctx)?;
    if method.is_empty() {
        return Err(fault(400, "Invalid method"));
    }
    check_uri("request", ruri)?;
    let next_hop = if next_hop == b"." { b"" } else { next_hop };
    if !next_hop.is_empty() {
        check_uri("next-hop", next_hop)?;
    }
    let (lines, body) = headers_and_body(ctx, lines, arena);
    Ok(Given {
        method,
        ruri,
        next_hop,
        socket: find(socket)?,
        headers: header_block::parse(method, lines, !body.is_empty(), arena)?,
        body,
    })
}

fn check_uri(what: &str, uri: &[u8]) -> Result<(), RpcFault> {
    let bad = |_| {
        let shown = String::from_utf8_lossy(uri);
        RpcFault::new(400, format!("Invalid {what} uri \"{shown}\""))
    };
    Uri::parse(uri).map(drop).map_err(bad)
}

fn find(name: &[u8]) -> Result<Option<&'static SocketInfo>, RpcFault> {
    if name.is_empty() || name == b"." {
        return Ok(None);
    }
    let name = String::from_utf8_lossy(name);
    let found = SocketId::parse(&name).ok().and_then(|id| {
        let ip = parse_ip(id.host.as_bytes())?;
        let proto = id.proto.unwrap_or(Proto::None);
        find_socket(ip, id.port.unwrap_or(0), proto)
    });
    let missing = || RpcFault::new(400, format!("No local socket for \"{name}\""));
    found.map(Some).ok_or_else(missing)
}

/// Header lines with their line ends, and the body. Two header lines are needed at least: a single one is the
/// first of several parameters.
fn headers_and_body<'a>(
    ctx: &mut dyn RpcContext,
    first: &'a [u8],
    arena: &'a Bump,
) -> (&'a [u8], &'a [u8]) {
    if first.contains(&b'\n') {
        let body = ctx.next_str().unwrap_or_default();
        let body = if body == b"." { Vec::new() } else { body };
        return (with_line_end(first, arena), arena.alloc_slice_copy(&body));
    }
    let mut lines = first.to_vec();
    let mut body = Vec::new();
    let mut in_body = false;
    while let Some(line) = ctx.has_next().then(|| ctx.next_str().ok()).flatten() {
        match (line.as_slice(), in_body) {
            (b".", true) => break,
            (b"." | b"", false) => in_body = true,
            (line, true) => body.extend([line, b"\r\n"].concat()),
            (line, false) => lines.extend([b"\n", line].concat()),
        }
    }
    (with_line_end(&lines, arena), arena.alloc_slice_copy(&body))
}

impl<'a> Given<'a> {
    fn request(&self, arena: &'a Bump) -> Result<UacRequest<'a>, RpcFault> {
        let headers = self.headers;
        let mut request = UacRequest {
            method: self.method,
            ruri: self.ruri,
            to: headers.to,
            from: headers.from,
            headers: headers.rest,
            body: self.body,
            next_hop: self.next_hop,
            route: headers.route,
            call_id: headers.call_id,
            cseq: headers.cseq,
            socket: self.socket,
            ..UacRequest::default()
        };
        if headers.rest.windows(2).any(|two| two == b"!!") {
            let socket = own::sending_socket(&request, arena).map_err(refused)?;
            request.socket = Some(socket);
            request.headers = name_socket(headers.rest, socket, arena);
        }
        Ok(request)
    }
}

/// Puts address and port of the socket in the place of each `!!`.
fn name_socket<'a>(lines: &[u8], socket: &SocketInfo, arena: &'a Bump) -> &'a [u8] {
    let mut out = BumpVec::with_capacity_in(lines.len() + 64, arena);
    let mut rest = lines;
    while let Some(at) = rest.windows(2).position(|two| two == b"!!") {
        out.extend_from_slice_copy(&rest[..at]);
        for part in [socket.addr_str.as_str(), ":", &socket.port_str] {
            out.extend_from_slice_copy(part.as_bytes());
        }
        rest = &rest[at + 2..];
    }
    out.extend_from_slice_copy(rest);
    out.into_bump_slice()
}

/// Of a 2xx remote target, next hop and Route of the dialog that it may have made (as SER printed them);
/// everything of the reply behind its first line. What is missing is empty.
fn show(answer: &Answer) -> [RpcValue; 4] {
    let arena = Bump::new();
    let [target, next_hop, route] = dialog_of(&answer.reply, &arena).unwrap_or_default();
    let line = answer.reply.iter().position(|b| *b == b'\n');
    let rest = line.map_or(&b""[..], |at| &answer.reply[at + 1..]);
    [target, next_hop, route, rest.to_vec()].map(RpcValue::Str)
}

fn dialog_of(reply: &[u8], arena: &Bump) -> Option<[Vec<u8>; 3]> {
    let nowhere = ([0, 0, 0, 0], 0).into();
    let rcv = ReceiveInfo {
        src: nowhere,
        dst: nowhere,
        proto: Proto::Udp,
        socket: None,
        conn_id: 0,
    };
    let sip = Message::parse(arena.alloc_slice_copy(reply), arena).ok()?;
    let mut reply = SipMsg::new(sip, arena, 0, rcv);
    let (call_id, local) = (reply.sip.call_id().ok()?, reply.sip.from().ok()?);
    let remote = Party::of(&reply.sip.to().ok()?);
    let mut made = Dialog::new_uac(call_id, 0, Party::of(&local), remote);
    made.response_uac(&mut reply).ok()?;
    if made.state != dialog::DialogState::Confirmed {
        return None;
    }
    let hooks = made.hooks(arena).ok()?;
    let route = match hooks.route {
        b"" => Vec::new(),
        values => [b"Route: ", values].concat(),
    };
    Some([hooks.request_uri.to_vec(), hooks.next_hop.to_vec(), route])
}
