//! The selects of the core, by first element.

use super::header::{any, body, contact, credentials, cseq, required_body, via};
use super::tail::{name_addr, uri};
use super::{Part, SelectFn, SelectResult, branch, select_fn, sys};
use crate::core::forward::text::push_number;
use crate::core::msg::{BumpVec, SipMsg};
use crate::core::sip::{FirstLine, HdrType, Message};
use std::io::Write;

/// First words of the core's selects, synonyms of one letter left out, and what they give.
pub const CORE_SELECTS: [(&str, &str); 42] = [
    (
        "authorization",
        "credentials for a realm: @authorization[\"realm\"].username, .nonce, \
         .uri, .response and others",
    ),
    (
        "branch",
        "destinations beside the Request-URI: .count, .uri[n], .dst_uri[n], \
         .q[n], .uriq[n]",
    ),
    ("call_id", "the Call-ID"),
    (
        "cfg_get",
        "a variable that ser.cfg declares: @cfg_get.group.name",
    ),
    ("code", "the status of a reply"),
    (
        "contact",
        "the first Contact: .uri, .name, .q, .expires, .params.NAME and others",
    ),
    ("content_length", "the header"),
    ("content_type", "the header"),
    ("cseq", "the CSeq: .num, .method"),
    (
        "dst",
        "where the message was received: .ip, .port, .ip_port",
    ),
    (
        "dst_uri",
        "where the request goes if not to the Request-URI; parts as of ruri",
    ),
    ("event", "the header"),
    ("expires", "the header"),
    ("from", "the From header: .uri, .tag, .name, .params.NAME"),
    ("max_forwards", "the header"),
    ("message", "as msg"),
    ("method", "the method"),
    ("min_se", "the header"),
    (
        "msg",
        "the whole message: .first_line, .len, .body, .header.NAME[n], \
         .request.method and others",
    ),
    (
        "next_hop",
        "dst_uri, or else the Request-URI; parts as of ruri",
    ),
    ("organization", "the header"),
    ("priority", "the header"),
    ("proxy_authorization", "as authorization"),
    ("reason", "the reason phrase of a reply"),
    (
        "received",
        "our socket: .proto, .ip, .port, .ip_port, .proto_ip_port",
    ),
    (
        "record_route",
        "the first Record-Route: .uri, .name, .params.NAME",
    ),
    ("refer_to", "as from"),
    ("remote_party_id", "as from"),
    ("request_uri", "as ruri"),
    ("rpid", "as remote_party_id"),
    ("rr", "as record_route"),
    (
        "ruri",
        "the Request-URI: .type, .user, .pwd, .host, .port, .hostport, \
         .params.NAME",
    ),
    ("session_expires", "the header"),
    ("sip_if_match", "the header"),
    ("src", "who sent the message: .ip, .port, .ip_port"),
    ("status", "as code"),
    ("subject", "the header"),
    ("sys", "the server: .pid, .unique, .now, .server_id"),
    ("to", "as from"),
    ("user_agent", "the header"),
    ("version", "SIP/2.0"),
    (
        "via",
        "a Via, counted from 1: @via[1].host, .port, .transport, .branch, \
         .received, .rport, .params.NAME and others",
    ),
];

/// Resolves a core select; the error is the level that is not known.
pub fn resolve(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let rest = &parts[1..];
    let alone = |get: Box<SelectFn>| if rest.is_empty() { Ok(get) } else { Err(1) };
    match parts[0].name.as_str() {
        "ruri" | "request_uri" => uri(request_uri(), rest, 1),
        "dst_uri" => uri(
            select_fn(|msg| SelectResult::Value(msg.dst_uri.unwrap_or_default())),
            rest,
            1,
        ),
        "next_hop" => uri(
            select_fn(|msg| SelectResult::Value(msg.next_hop())),
            rest,
            1,
        ),
        "from" | "f" => name_addr(required_body(HdrType::From), rest, 1),
        "to" | "t" => name_addr(required_body(HdrType::To), rest, 1),
        "refer_to" => name_addr(required_body(HdrType::ReferTo), rest, 1),
        "remote_party_id" | "rpid" => name_addr(required_body(HdrType::Rpid), rest, 1),
        "record_route" | "rr" => record_route(rest),
        "contact" | "m" => contact(parts),
        "via" | "v" => via(parts),
        "cseq" => cseq(parts),
        "msg" | "message" => message(rest),
        "method" => alone(method()),
        "version" => alone(version()),
        "status" | "code" | "reason" => alone(reply_field(&parts[0].name)),
        "authorization" => credentials(HdrType::Authorization, parts),
        "proxy_authorization" => credentials(HdrType::ProxyAuthorization, parts),
        "src" => sys::address(parts, |msg| msg.rcv.src),
        "dst" => sys::address(parts, |msg| msg.rcv.dst),
        "received" => sys::received(parts),
        "sys" => sys::sys(parts),
        "branch" => branch::branch(parts),
        "cfg_get" => sys::cfg_get(parts),
        "event" => alone(required_body(HdrType::Event)),
        name => match plain_header(name) {
            Some(kind) => alone(body(kind)),
            None => Err(0),
        },
    }
}

fn plain_header(name: &str) -> Option<HdrType> {
    Some(match name {
        "call_id" => HdrType::CallId,
        "expires" => HdrType::Expires,
        "max_forwards" => HdrType::MaxForwards,
        "content_type" => HdrType::ContentType,
        "content_length" => HdrType::ContentLength,
        "subject" => HdrType::Subject,
        "organization" => HdrType::Organization,
        "priority" => HdrType::Priority,
        "session_expires" => HdrType::SessionExpires,
        "min_se" => HdrType::MinSe,
        "user_agent" => HdrType::UserAgent,
        "sip_if_match" => HdrType::SipIfMatch,
        _ => return None,
    })
}

fn request_uri() -> Box<SelectFn> {
    select_fn(|msg| match msg.sip.is_request() {
        true => SelectResult::Value(msg.request_uri()),
        false => SelectResult::Error,
    })
}

/// The first Record-Route value.
fn record_route(rest: &[Part]) -> Result<Box<SelectFn>, usize> {
    let first = select_fn(|msg| {
        let values = msg.sip.routes(HdrType::RecordRoute).unwrap_or_default();
        SelectResult::or_error(values.first().map(|value| value.raw))
    });
    name_addr(first, rest, 1)
}

fn method() -> Box<SelectFn> {
    select_fn(|msg| match *msg.sip.first() {
        FirstLine::Request { method_name, .. } => SelectResult::Value(method_name),
        FirstLine::Reply { .. } => SelectResult::or_error(msg.sip.cseq().ok().map(|(_, m)| m)),
    })
}

fn version() -> Box<SelectFn> {
    select_fn(|msg| match *msg.sip.first() {
        FirstLine::Request { version, .. } | FirstLine::Reply { version, .. } => {
            SelectResult::Value(version)
        }
    })
}

/// `status` is code and reason, both as received.
fn reply_field(name: &str) -> Box<SelectFn> {
    let name = name.to_owned();
    select_fn(move |msg| match *msg.sip.first() {
        FirstLine::Request { .. } => SelectResult::Error,
        FirstLine::Reply { code, reason, .. } => match name.as_str() {
            "reason" => SelectResult::Value(reason),
            "code" => SelectResult::Value(crate::core::script::status_text(msg, code)),
            _ => {
                let start = msg.sip.offset_of(reason).saturating_sub(4);
                SelectResult::Value(&msg.buf()[start..start + 4 + reason.len()])
            }
        },
    })
}

fn number<'a>(msg: &SipMsg<'a>, n: u64) -> SelectResult<'a> {
    let mut out = BumpVec::with_capacity_in(20, msg.arena);
    push_number(&mut out, n);
    SelectResult::Value(out.into_bump_slice())
}

/// `@msg.…`: `parts` begins behind `msg`.
fn message(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let Some(part) = parts.first() else {
        return Ok(select_fn(|msg| SelectResult::Value(msg.buf())));
    };
    let rest = &parts[1..];
    let name = part.name.as_str();
    if matches!(name, "header" | "h") {
        return any(part, rest, 2);
    }
    if matches!(name, "request" | "req") && rest.first().is_some_and(|p| p.name == "uri") {
        return uri(original_uri(), &rest[1..], 3);
    }
    let words: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
    Ok(match words.as_slice() {
        // So written by configs of SER 2.0's presence server.
        ["event"] => required_body(HdrType::Event),
        ["supported"] => body(HdrType::Supported),
        ["first_line"] => select_fn(|msg| SelectResult::Value(first_line(msg))),
        ["flags"] => select_fn(|msg| number(msg, msg.flags.into())),
        ["len"] => select_fn(|msg| number(msg, msg.buf().len() as u64)),
        ["id"] => select_fn(|msg| number(msg, msg.id.into())),
        ["id", "hex"] => select_fn(|msg| {
            let mut out = BumpVec::with_capacity_in(8, msg.arena);
            let written = write!(out, "{:08x}", msg.id);
            debug_assert!(written.is_ok(), "a growing buffer takes everything");
            SelectResult::Value(out.into_bump_slice())
        }),
        ["type"] => {
            select_fn(|msg| SelectResult::Value(if msg.sip.is_request() { b"1" } else { b"2" }))
        }
        ["body"] | ["content"] => select_fn(|msg| match msg.sip.body() {
            Ok(body) => SelectResult::Value(body.unwrap_or_default()),
            Err(_) => SelectResult::Error,
        }),
        ["request" | "req"] | ["response" | "res"] => {
            select_fn(|msg| SelectResult::Value(first_line(msg)))
        }
        ["request" | "req", "method"] => on(true, method()),
        ["request" | "req", "version"] => on(true, version()),
        ["response" | "res", "version"] => on(false, version()),
        ["response" | "res", field @ ("status" | "code" | "reason")] => reply_field(field),
        [_] => return Err(1),
        _ => return Err(2),
    })
}

/// The select for requests (or replies) only.
fn on(request: bool, get: Box<SelectFn>) -> Box<SelectFn> {
    select_fn(move |msg| {
        if msg.sip.is_request() == request {
            get(msg)
        } else {
            SelectResult::Error
        }
    })
}

fn original_uri() -> Box<SelectFn> {
    on(
        true,
        select_fn(|msg| SelectResult::Value(msg.original_uri())),
    )
}

/// The first line without its end.
fn first_line<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    let buf = Message::buf(&msg.sip);
    let start = buf
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(0);
    let end = buf[start..]
        .iter()
        .position(|b| matches!(b, b'\r' | b'\n'))
        .map_or(buf.len(), |n| start + n);
    &buf[start..end]
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn what_is_no_part_of_a_select_is_refused() {
        for (text, level) in [
            ("src.ip.x", 2),
            ("received.port.x", 2),
            ("cseq.num.x", 2),
            ("branch.q.x", 2),
            ("branch.count.x", 2),
            ("sys.pid.x", 1),
            ("method.x", 1),
            ("from.uri.user.x", 3),
            ("via[1].host.x", 2),
            ("contact.q.x", 2),
            ("msg.len.x", 2),
            ("cfg_get.x.y", 2),
        ] {
            let parts = parse(text).expect(text);
            assert_eq!(resolve(&parts).err(), Some(level), "{text}");
        }
        let parts = parse("branch.uri[0].user").expect("well-formed");
        assert!(resolve(&parts).is_ok());
    }

    #[test]
    fn every_suggested_name_is_known() {
        for (name, _) in CORE_SELECTS {
            let realm = if name.ends_with("authorization") {
                "[\"r\"]"
            } else {
                ""
            };
            let parts = parse(&format!("{name}{realm}")).expect(name);
            assert_ne!(resolve(&parts).err(), Some(0), "{name}");
        }
    }
}
