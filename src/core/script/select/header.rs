//! Selects on single headers: Via, Contact, CSeq, credentials, any header by name.

use super::tail::{name_addr, params, uri};
use super::{Part, SelectFn, SelectResult, select_fn};
use crate::core::msg::{BumpVec, SipMsg};
use crate::core::sip::{Contact, ContactOrder, HdrType, Header, Via};

/// The body of the first header of a type; null when it is missing.
pub fn body(kind: HdrType) -> Box<SelectFn> {
    select_fn(move |msg| match msg.sip.header(kind) {
        Ok(header) => SelectResult::or_null(header.map(|h| h.body)),
        Err(_) => SelectResult::Error,
    })
}

/// The body of the first header of a type; an error when it is missing.
pub fn required_body(kind: HdrType) -> Box<SelectFn> {
    select_fn(move |msg| {
        SelectResult::or_error(msg.sip.header(kind).ok().flatten().map(|h| h.body))
    })
}

/// `@via[n]…`, counted from 1 over all values, negative from the end.
pub fn via(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    // SER reads garbage without an index; nothing is the honest answer.
    let index = parts[0].number();
    let value = move |msg: &mut SipMsg<'_>| -> Option<usize> {
        msg.sip.parse_all().ok()?;
        let count = msg.sip.parsed_via_count();
        position(index?, count)
    };
    let Some(part) = parts.get(1) else {
        return Ok(with_via(value, |via| Some(via.raw)));
    };
    if part.name == "params" {
        return params(with_via(value, |via| Some(via.params.0)), &parts[2..], 2);
    }
    if parts.len() > 2 {
        return Err(2);
    }
    Ok(match part.name.as_str() {
        "name" => with_via(value, |_| Some(b"SIP")),
        "version" => with_via(value, |_| Some(b"2.0")),
        "transport" => with_via(value, |via| Some(via.transport)),
        "host" => with_via(value, |via| Some(via.host)),
        "port" => with_via(value, |via| Some(via.port)),
        "comment" => with_via(value, |via| Some(via.comment)),
        "branch" => with_via(value, |via| via.branch),
        "received" => with_via(value, |via| via.received),
        "rport" => with_via(value, |via| via.rport),
        "i" => with_via(value, |via| via.i),
        "alias" => with_via(value, |via| via.alias.then_some(b"")),
        _ => return Err(1),
    })
}

fn with_via<I, F>(index: I, pick: F) -> Box<SelectFn>
where
    I: Fn(&mut SipMsg<'_>) -> Option<usize> + Send + Sync + 'static,
    F: for<'a> Fn(&Via<'a>) -> Option<&'a [u8]> + Send + Sync + 'static,
{
    select_fn(move |msg| {
        let Some(index) = index(msg) else {
            return SelectResult::Error;
        };
        match msg.sip.parsed_vias().nth(index) {
            Some(via) => SelectResult::or_null(pick(&via)),
            None => SelectResult::Error,
        }
    })
}

/// A 1-based index, negative from the end, as position from 0.
pub fn position(index: i32, count: usize) -> Option<usize> {
    let at = if index > 0 {
        index as usize - 1
    } else {
        count.checked_sub(index.unsigned_abs() as usize)?
    };
    (index != 0 && at < count).then_some(at)
}

/// `@contact…`: the body of the first header, and pieces of the last address in it (SER's list is in
/// reverse).
pub fn contact(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let Some(part) = parts.get(1) else {
        return Ok(required_body(HdrType::Contact));
    };
    match part.name.as_str() {
        "uri" => return uri(with_contact(|c| Some(c.uri)), &parts[2..], 2),
        "params" => {
            let list = with_contact(|c| Some(c.params.0));
            return params(list, &parts[2..], 2);
        }
        _ if parts.len() > 2 => return Err(2),
        _ => {}
    }
    Ok(match part.name.as_str() {
        "name" => with_contact(|c| Some(unquoted(c.name))),
        "q" => with_contact(|c| c.q),
        "expires" => with_contact(|c| c.expires),
        "method" | "methods" => with_contact(|c| c.methods),
        "received" => with_contact(|c| c.received),
        "instance" => with_contact(|c| c.instance),
        _ => return Err(1),
    })
}

fn with_contact<F>(pick: F) -> Box<SelectFn>
where
    F: for<'a> Fn(&Contact<'a>) -> Option<&'a [u8]> + Send + Sync + 'static,
{
    select_fn(move |msg| match msg.sip.contacts(ContactOrder::Ser) {
        Ok(Some(contacts)) => match contacts.list.first() {
            Some(contact) => SelectResult::or_null(pick(contact)),
            None => SelectResult::Error,
        },
        Ok(None) | Err(_) => SelectResult::Error,
    })
}

/// `@cseq .num .method`.
pub fn cseq(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    if parts.len() > 2 {
        return Err(2);
    }
    match parts.get(1).map(|p| p.name.as_str()) {
        None => Ok(required_body(HdrType::CSeq)),
        Some("num") => Ok(select_fn(|msg| {
            SelectResult::or_error(msg.sip.cseq().ok().map(|(num, _)| num))
        })),
        Some("method") => Ok(select_fn(|msg| {
            SelectResult::or_error(msg.sip.cseq().ok().map(|(_, method)| method))
        })),
        Some(_) => Err(1),
    }
}

/// `@authorization["realm"]…`, `@proxy_authorization["realm"]…`.
pub fn credentials(kind: HdrType, parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let realm: Box<[u8]> = parts[0].text().ok_or(0usize)?.into();
    let names: Vec<&str> = parts[1..].iter().map(|p| p.name.as_str()).collect();
    let field = match names.as_slice() {
        [] => "",
        ["username"] => "username",
        ["username", part @ ("user" | "domain")] => part,
        [
            name @ ("realm" | "nonce" | "uri" | "cnonce" | "nc" | "response" | "opaque"
            | "algorithm" | "qop"),
        ] => name,
        [_] => return Err(1),
        _ => return Err(2),
    };
    let field = field.to_owned();
    Ok(select_fn(move |msg| {
        let Some((_, c)) = msg.sip.credentials(kind, &realm).ok().flatten() else {
            return SelectResult::Null;
        };
        let (user, domain) = split_user(c.username.unwrap_or_default());
        SelectResult::or_null(match field.as_str() {
            "" => Some(c.text),
            "username" => c.username,
            "user" => Some(user),
            "domain" => domain,
            "realm" => c.realm,
            "nonce" => c.nonce,
            "uri" => c.uri,
            "cnonce" => c.cnonce,
            "nc" => c.nc,
            "response" => c.response,
            "opaque" => c.opaque,
            "algorithm" => c.algorithm,
            "qop" => c.qop,
            _ => None,
        })
    }))
}

fn split_user(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match name.iter().position(|&b| b == b'@') {
        Some(at) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    }
}

/// The header that `@msg.header.NAME[n]` or `@msg.header["Name"][n]` means; default the first, -1 or 0
/// behind the last the last.
fn find<'a>(msg: &mut SipMsg<'a>, name: &[u8], index: i32) -> Option<Header<'a>> {
    msg.sip.parse_all().ok()?;
    let kind = HdrType::of_name(name);
    let same = |h: &&Header<'a>| match kind {
        HdrType::Other => h.name.trim_ascii().eq_ignore_ascii_case(name),
        kind => h.kind == kind,
    };
    let all: BumpVec<'_, Header<'a>> = BumpVec::from_iter_in(
        msg.sip.parsed_headers().iter().filter(same).copied(),
        msg.arena,
    );
    position(index, all.len()).map(|at| all[at])
}

/// `@msg.header…`: `parts` begins behind `header`.
pub fn any(header: &Part, parts: &[Part], level: usize) -> Result<Box<SelectFn>, usize> {
    let (name, index, rest) = match header.text() {
        Some(name) => (name.to_vec(), header.second, parts),
        None => {
            let part = parts.first().ok_or(level)?;
            (part.dashed(), part.number(), &parts[1..])
        }
    };
    let index = index.unwrap_or(1);
    let get = select_fn(move |msg| SelectResult::or_null(find(msg, &name, index).map(|h| h.body)));
    match rest.first().map(|p| p.name.as_str()) {
        None => Ok(get),
        Some("nameaddr") => name_addr(get, &rest[1..], level + 1),
        Some("params") => {
            let list = select_fn(move |msg| match get(msg) {
                SelectResult::Value(text) => {
                    let start = text
                        .iter()
                        .position(|&b| b == b';')
                        .map_or(text.len(), |at| at + 1);
                    SelectResult::Value(&text[start..])
                }
                other => other,
            });
            params(list, &rest[1..], level + 1)
        }
        Some("uri") => uri(get, &rest[1..], level + 1),
        Some(_) => Err(level),
    }
}

/// The display name without its quotes.
fn unquoted(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"")
        .and_then(|n| n.strip_suffix(b"\""))
        .unwrap_or(name)
}
