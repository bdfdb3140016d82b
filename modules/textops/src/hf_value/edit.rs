//! The functions that change values. Results: 1 done, -1 there is no such value.

use super::list::{Line, Place, at, lines, places, whole_lines};
use super::param::{self, Style};
use super::spec::{HeaderName, Index, Spec};
use crate::format_arg;
use crate::headers::add_at_end;
use crate::text::put;
use ser::core::module::Args;
use ser::core::msg::{Bump, BumpVec, Cond, Piece, SipMsg};

fn spec(args: Args) -> Option<&'static Spec> {
    args.custom::<Spec>(0)
}

/// -1 for `None`.
fn result(done: Option<()>) -> i32 {
    if done.is_some() { 1 } else { -1 }
}

/// Without index a new header behind all others; with one a further value behind that one.
pub fn append(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(try_append(msg, args))
}

fn try_append(msg: &mut SipMsg<'_>, args: Args) -> Option<()> {
    let (spec, text) = (spec(args)?, format_arg(args, 1, msg)?);
    let lines = lines(msg, &spec.name)?;
    let index = match spec.index {
        Index::At(0) => -1,
        Index::At(n) => n,
        Index::None | Index::All => return new_header(msg, &spec.name, text),
    };
    if lines.is_empty() {
        return new_header(msg, &spec.name, text);
    }
    let (line, value) = at(&lines, index)?;
    add_behind(msg, lines[line].values[value], text);
    Some(())
}

fn add_behind<'a>(msg: &mut SipMsg<'a>, value: &[u8], text: &'a [u8]) {
    let id = msg.lumps.anchor(msg.sip.offset_of(value) + value.len());
    msg.lumps
        .insert_before(id, Cond::True, &[Piece::Text(b","), Piece::Text(text)]);
}

fn new_header<'a>(msg: &mut SipMsg<'a>, name: &'static HeaderName, text: &'a [u8]) -> Option<()> {
    let line = header_line(name, text);
    (add_at_end(msg, &line) == 1).then_some(())
}

fn header_line<'a>(name: &'static HeaderName, text: &'a [u8]) -> [Piece<'a>; 4] {
    [
        Piece::Text(&name.text),
        Piece::Text(b": "),
        Piece::Text(text),
        Piece::Text(b"\r\n"),
    ]
}

/// Without index a new header before the first of its name; with one a further value before that one.
pub fn insert(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(try_insert(msg, args))
}

fn try_insert(msg: &mut SipMsg<'_>, args: Args) -> Option<()> {
    let (spec, text) = (spec(args)?, format_arg(args, 1, msg)?);
    let lines = lines(msg, &spec.name)?;
    let index = match spec.index {
        Index::At(0) => 1,
        Index::At(n) => n,
        Index::None | Index::All => {
            let Some(first) = lines.first() else {
                return new_header(msg, &spec.name, text);
            };
            let id = msg.lumps.anchor(msg.sip.offset_of(first.header.raw));
            msg.lumps
                .insert_before(id, Cond::True, &header_line(&spec.name, text));
            return Some(());
        }
    };
    if lines.is_empty() && index == 1 {
        return new_header(msg, &spec.name, text);
    }
    let (line, value) = at(&lines, index)?;
    let id = msg
        .lumps
        .anchor(msg.sip.offset_of(lines[line].values[value]));
    msg.lumps
        .insert_before(id, Cond::True, &[Piece::Text(text), Piece::Text(b",")]);
    Some(())
}

/// Removes a value (the first without an index) or its parameter.
pub fn remove(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let lines = lines(msg, &spec.name)?;
        remove_from(msg, spec, &lines, Style::Semicolon)
    }))
}

/// Removes a header (the first without an index) or its parameter.
pub fn remove2(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let lines = whole_lines(msg, &spec.name)?;
        remove_from(msg, spec, &lines, Style::Comma)
    }))
}

/// The places that an index means; empty if there is none.
fn meant<'a>(arena: &'a Bump, lines: &[Line<'_>], index: Index) -> BumpVec<'a, Place> {
    match index {
        Index::All => BumpVec::from_iter_in(places(lines), arena),
        Index::None | Index::At(0) => BumpVec::from_iter_in(at(lines, 1), arena),
        Index::At(n) => BumpVec::from_iter_in(at(lines, n), arena),
    }
}

fn remove_from(msg: &mut SipMsg<'_>, spec: &Spec, lines: &[Line<'_>], style: Style) -> Option<()> {
    let places = meant(msg.arena, lines, spec.index);
    if places.is_empty() {
        return None;
    }
    let Some(name) = &spec.param else {
        delete(msg, lines, &places);
        return Some(());
    };
    let mut done = None;
    for (line, value) in places {
        let text = lines[line].values[value];
        if let Some(found) = param::find(text, name, style) {
            let gone = param::extent(text, &found, style);
            let start = msg.sip.offset_of(text) + gone.start;
            msg.lumps.del(start, gone.len());
            done = Some(());
        }
    }
    done
}

/// Deletes values: a line of which nothing remains goes whole, else values go with their commas.
fn delete(msg: &mut SipMsg<'_>, lines: &[Line<'_>], gone: &[Place]) {
    for (l, line) in lines.iter().enumerate() {
        let goes = |v: usize| gone.contains(&(l, v));
        let count = line.values.len();
        if !(0..count).any(goes) {
            continue;
        }
        let Some(last_kept) = (0..count).rev().find(|v| !goes(*v)) else {
            let start = msg.sip.offset_of(line.header.raw);
            msg.lumps.del(start, line.header.raw.len());
            continue;
        };
        let body = msg.sip.offset_of(line.header.body);
        let start_of = |v: usize| msg.sip.offset_of(line.values[v]);
        let end_of = |v: usize| start_of(v) + line.values[v].len();
        let mut ranges = BumpVec::new_in(msg.arena);
        for v in (0..last_kept).filter(|v| goes(*v)) {
            // From behind the comma before it to behind the one that follows.
            let start = if v == 0 {
                body
            } else {
                behind_comma(msg, end_of(v - 1))
            };
            ranges.push(start..behind_comma(msg, end_of(v)));
        }
        if last_kept + 1 < count {
            ranges.push(end_of(last_kept)..end_of(count - 1));
        }
        for range in ranges {
            msg.lumps.del(range.start, range.len());
        }
    }
}

/// The offset behind the first comma from `at` on.
fn behind_comma(msg: &SipMsg<'_>, at: usize) -> usize {
    let rest = &msg.buf()[at..];
    rest.iter()
        .position(|&b| b == b',')
        .map_or(at, |n| at + n + 1)
}

/// Replaces a value (the first without an index), or sets its parameter.
pub fn assign(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let text = format_arg(args, 1, msg)?;
        let lines = lines(msg, &spec.name)?;
        assign_in(msg, spec, &lines, text, Style::Semicolon)
    }))
}

/// Replaces the body of a header, or sets its parameter.
pub fn assign2(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let text = format_arg(args, 1, msg)?;
        let lines = whole_lines(msg, &spec.name)?;
        assign_in(msg, spec, &lines, text, Style::Comma)
    }))
}

fn assign_in<'a>(
    msg: &mut SipMsg<'a>,
    spec: &'static Spec,
    lines: &[Line<'a>],
    text: &'a [u8],
    style: Style,
) -> Option<()> {
    let places = meant(msg.arena, lines, spec.index);
    for &(line, value) in &places {
        let old = lines[line].values[value];
        let offset = msg.sip.offset_of(old);
        let Some(name) = &spec.param else {
            put(msg, offset, old.len(), text);
            continue;
        };
        match param::find(old, name, style) {
            // `name=` belongs to what is replaced: there may be none.
            Some(found) => {
                let start = offset + found.name.end;
                let id = msg.lumps.del(start, found.value.end - found.name.end);
                let pieces = [Piece::Text(b"="), Piece::Text(text)];
                msg.lumps
                    .insert_after(id, Cond::True, if text.is_empty() { &[] } else { &pieces });
            }
            None => {
                let id = msg.lumps.anchor(offset + old.len());
                let equals: &[u8] = if text.is_empty() { b"" } else { b"=" };
                let separator = msg.store(&[style.separator()]);
                let pieces = [separator, name, equals, text].map(Piece::Text);
                msg.lumps.insert_before(id, Cond::True, &pieces);
            }
        }
    }
    (!places.is_empty()).then_some(())
}

/// The places where the value is `text`, in any case.
fn equal<'l>(lines: &'l [Line<'_>], text: &'l [u8]) -> impl Iterator<Item = Place> + 'l {
    places(lines).filter(|(l, v)| lines[*l].values[*v].eq_ignore_ascii_case(text))
}

/// Adds a value to the first header of that name unless it is there.
pub fn include(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let text = format_arg(args, 1, msg)?;
        let lines = lines(msg, &spec.name)?;
        match lines.first().and_then(|line| line.values.last()) {
            None => new_header(msg, &spec.name, text),
            Some(_) if equal(&lines, text).next().is_some() => Some(()),
            Some(last) => {
                add_behind(msg, last, text);
                Some(())
            }
        }
    }))
}

/// Removes all equal values; 1 also where there is none.
pub fn exclude(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let text = format_arg(args, 1, msg)?;
        let lines = lines(msg, &spec.name)?;
        let gone = BumpVec::from_iter_in(equal(&lines, text), msg.arena);
        delete(msg, &lines, &gone);
        Some(())
    }))
}

/// Whether there is such a value.
pub fn exists(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    result(spec(args).and_then(|spec| {
        let text = format_arg(args, 1, msg)?;
        let lines = lines(msg, &spec.name)?;
        equal(&lines, text).next().map(|_| ())
    }))
}
