//! What may follow a select that gives a URI, a name-addr or a list of parameters.

use super::{Part, SelectFn, SelectResult, select_fn};
use crate::core::forward::text::push_number;
use crate::core::msg::{BumpVec, SipMsg};
use crate::core::sip::{NameAddr, Params, Uri, UriType, normalize_tel};

/// `.type .user .pwd .host .port .params[.P] .hostport` of the URI that `get` gives; nothing: the URI.
pub fn uri(get: Box<SelectFn>, rest: &[Part], level: usize) -> Result<Box<SelectFn>, usize> {
    let Some(first) = rest.first() else {
        return Ok(get);
    };
    if first.name == "params" && rest.len() == 2 {
        let name = rest[1].dashed();
        return Ok(with_uri(get, move |_, uri| {
            SelectResult::or_error(uri.params.get(&name).map(Option::unwrap_or_default))
        }));
    }
    if rest.len() > 1 {
        return Err(level + 1);
    }
    Ok(match first.name.as_str() {
        "type" => with_uri(get, |_, uri| SelectResult::Value(type_name(uri.kind))),
        "user" => with_uri(get, |msg, uri| SelectResult::Value(user(msg, uri))),
        "pwd" => with_uri(get, |_, uri| SelectResult::Value(uri.passwd)),
        "host" => with_uri(get, |_, uri| SelectResult::Value(uri.host)),
        "port" => with_uri(get, |_, uri| SelectResult::Value(uri.port)),
        "params" => with_uri(get, |_, uri| SelectResult::Value(uri.params.0)),
        "hostport" => with_uri(get, |msg, uri| SelectResult::Value(host_port(msg, uri))),
        _ => return Err(level),
    })
}

fn with_uri<F>(get: Box<SelectFn>, pick: F) -> Box<SelectFn>
where
    F: for<'a> Fn(&SipMsg<'a>, &Uri<'a>) -> SelectResult<'a> + Send + Sync + 'static,
{
    select_fn(move |msg| match get(msg) {
        SelectResult::Value(text) => match Uri::parse(text) {
            Ok(uri) => pick(msg, &uri),
            Err(_) => SelectResult::Error,
        },
        other => other,
    })
}

fn type_name(kind: UriType) -> &'static [u8] {
    match kind {
        UriType::Sip => b"sip",
        UriType::Sips => b"sips",
        UriType::Tel => b"tel",
        UriType::Tels => b"tels",
        UriType::Urn => b"urn",
        UriType::Cid => b"cid",
    }
}

/// The user; of a telephone number without its visual separators.
fn user<'a>(msg: &SipMsg<'a>, uri: &Uri<'a>) -> &'a [u8] {
    match uri.kind {
        UriType::Tel | UriType::Tels => normalize_tel(uri.user, msg.arena),
        _ => uri.user,
    }
}

fn host_port<'a>(msg: &SipMsg<'a>, uri: &Uri<'a>) -> &'a [u8] {
    let default = if uri.kind == UriType::Sips {
        5061
    } else {
        5060
    };
    let mut out = BumpVec::with_capacity_in(uri.host.len() + 8, msg.arena);
    out.extend_from_slice_copy(uri.host);
    out.push(b':');
    match uri.port {
        b"" => push_number(&mut out, default),
        port => out.extend_from_slice_copy(port),
    }
    out.into_bump_slice()
}

/// `.name .uri[…] .params[.P]` of the name-addr that `get` gives; nothing: the text.
pub fn name_addr(get: Box<SelectFn>, rest: &[Part], level: usize) -> Result<Box<SelectFn>, usize> {
    let Some(first) = rest.first() else {
        return Ok(get);
    };
    match first.name.as_str() {
        "name" if rest.len() == 1 => Ok(with_addr(get, |addr| SelectResult::Value(addr.display))),
        "uri" => uri(
            with_addr(get, |addr| SelectResult::Value(addr.uri)),
            &rest[1..],
            level + 1,
        ),
        "tag" if rest.len() == 1 => Ok(with_addr(get, |addr| {
            SelectResult::Value(addr.tag.unwrap_or_default())
        })),
        "params" => params(
            with_addr(get, |addr| SelectResult::Value(addr.params.0)),
            &rest[1..],
            level + 1,
        ),
        _ => Err(level),
    }
}

fn with_addr<F>(get: Box<SelectFn>, pick: F) -> Box<SelectFn>
where
    F: for<'a> Fn(&NameAddr<'a>) -> SelectResult<'a> + Send + Sync + 'static,
{
    select_fn(move |msg| match get(msg) {
        SelectResult::Value(text) => match NameAddr::parse(text) {
            Ok(addr) => pick(&addr),
            Err(_) => SelectResult::Error,
        },
        other => other,
    })
}

/// `.P`: one parameter of the list that `get` gives (null when it is not there); nothing: the list.
pub fn params(get: Box<SelectFn>, rest: &[Part], level: usize) -> Result<Box<SelectFn>, usize> {
    match rest {
        [] => Ok(get),
        [part] => {
            let name = part.dashed();
            Ok(select_fn(move |msg| match get(msg) {
                SelectResult::Value(text) => {
                    SelectResult::or_null(Params(text).get(&name).map(Option::unwrap_or_default))
                }
                other => other,
            }))
        }
        _ => Err(level + 1),
    }
}
