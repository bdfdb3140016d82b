//! `@hf_value.HEADER[n]…`, `@hf_value2.HEADER[n]…`, `@hf_value_exists.HEADER.VALUE`; the header may also be
//! written as `["HEADER"]`, and the value as `["VALUE"]`.

use super::list::{Line, at, lines, whole_lines};
use super::param::{self, Style};
use super::spec::HeaderName;
use ser::core::msg::{BumpVec, SipMsg};
use ser::core::script::select::{
    Part, SelectFn, SelectResult, name_addr_parts, register_select, select_fn, uri_parts,
};
use ser::core::sip::NameAddr;

/// Announces them, before routes that use them are compiled.
pub fn register() {
    register_select("hf_value", |parts| value(parts, Style::Semicolon));
    register_select("hf_value2", |parts| value(parts, Style::Comma));
    register_select("hf_value_exists", exists);
}

fn read<'a>(
    msg: &mut SipMsg<'a>,
    name: &HeaderName,
    style: Style,
) -> Option<BumpVec<'a, Line<'a>>> {
    match style {
        Style::Semicolon => lines(msg, name),
        Style::Comma => whole_lines(msg, name),
    }
}

/// The header, its numeric index, and the parts behind it.
fn header_of(parts: &[Part]) -> Result<(HeaderName, Option<i32>, &[Part]), usize> {
    if let Some(name) = parts[0].text() {
        return Ok((HeaderName::new(name), parts[0].second, &parts[1..]));
    }
    let part = parts.get(1).ok_or(1usize)?;
    let name = HeaderName::new(&part.dashed());
    Ok((name, part.number(), &parts[2..]))
}

fn value(parts: &[Part], style: Style) -> Result<Box<SelectFn>, usize> {
    let (name, index, rest) = header_of(parts)?;
    match index {
        Some(index) => indexed(one(name, index, style), rest, style),
        None => all(name, rest, style),
    }
}

/// The value with that index.
fn one(name: HeaderName, index: i32, style: Style) -> Box<SelectFn> {
    select_fn(move |msg| {
        let Some(lines) = read(msg, &name, style) else {
            return SelectResult::Error;
        };
        let place = at(&lines, index);
        SelectResult::or_null(place.map(|(line, value)| lines[line].values[value]))
    })
}

/// What may follow an index.
fn indexed(get: Box<SelectFn>, rest: &[Part], style: Style) -> Result<Box<SelectFn>, usize> {
    let Some(part) = rest.first() else {
        return Ok(get);
    };
    match (part.name.as_str(), rest.len()) {
        ("uri", _) => uri_parts(uri_of(get), &rest[1..], 3),
        ("name", 1) => Ok(display_name(get)),
        ("nameaddr", _) => name_addr_parts(get, &rest[1..], 3),
        ("param" | "params" | "p", 2) => Ok(param_of(get, rest[1].dashed(), style)),
        (_, 1) => Ok(param_of(get, part.dashed(), style)),
        _ => Err(3),
    }
}

fn uri_of(get: Box<SelectFn>) -> Box<SelectFn> {
    select_fn(move |msg| match get(msg) {
        SelectResult::Value(text) => match NameAddr::parse(text) {
            Ok(address) => SelectResult::Value(address.uri),
            Err(_) => SelectResult::Error,
        },
        other => other,
    })
}

fn display_name(get: Box<SelectFn>) -> Box<SelectFn> {
    select_fn(move |msg| match get(msg) {
        SelectResult::Value(text) => match NameAddr::parse(text) {
            Ok(address) => SelectResult::Value(param::unquoted(address.display)),
            Err(_) => SelectResult::Error,
        },
        other => other,
    })
}

fn param_of(get: Box<SelectFn>, name: Vec<u8>, style: Style) -> Box<SelectFn> {
    select_fn(move |msg| match get(msg) {
        SelectResult::Value(text) => {
            let found = param::find(text, &name, style);
            SelectResult::or_null(found.map(|p| param::unquoted(&text[p.value])))
        }
        other => other,
    })
}

/// Without an index: all values, or with `.uri` all URIs, joined by commas. As in SER parameters are
/// not looked for.
fn all(name: HeaderName, rest: &[Part], style: Style) -> Result<Box<SelectFn>, usize> {
    let uris = match rest {
        [] => false,
        [part] => part.name == "uri",
        [part, _] if matches!(part.name.as_str(), "param" | "params" | "p") => false,
        _ => return Err(3),
    };
    Ok(select_fn(move |msg| {
        let Some(lines) = read(msg, &name, style) else {
            return SelectResult::Error;
        };
        if lines.is_empty() {
            return SelectResult::Null;
        }
        let mut joined = BumpVec::new_in(msg.arena);
        for (i, value) in lines
            .iter()
            .flat_map(|line| line.values.iter().copied())
            .enumerate()
        {
            if i > 0 {
                joined.push(b',');
            }
            let uri = NameAddr::parse(value)
                .ok()
                .filter(|_| uris)
                .map(|address| address.uri);
            joined.extend_from_slice_copy(uri.unwrap_or(value));
        }
        SelectResult::Value(joined.into_bump_slice())
    }))
}

fn exists(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let (name, _, rest) = header_of(parts)?;
    let wanted = match (rest, parts.last().and_then(Part::text)) {
        ([wanted], _) => wanted.dashed(),
        ([], Some(wanted)) if parts.len() == 2 => wanted.to_vec(),
        _ => return Err(2),
    };
    Ok(select_fn(move |msg| {
        let Some(lines) = lines(msg, &name) else {
            return SelectResult::Error;
        };
        let mut values = lines.iter().flat_map(|line| &line.values);
        let found = values.any(|value| value.eq_ignore_ascii_case(&wanted));
        SelectResult::Value(if found { b"1" } else { b"0" })
    }))
}
