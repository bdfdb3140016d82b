//! `@branch.…`: the branches beside the Request-URI.

use super::sys::text;
use super::tail::uri;
use super::{Part, SelectFn, SelectResult, select_fn};
use crate::core::forward::text::{push_number, push_q};
use crate::core::msg::{Branch, BumpVec};

/// `@branch.count`, `.uri[n] .dst_uri[n] .uriq[n] .q[n]`; counted from 0, without index all of them.
pub fn branch(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let part = parts.get(1).ok_or(1usize)?;
    let rest = &parts[2..];
    let is_uri = matches!(part.name.as_str(), "uri" | "dst_uri");
    if !is_uri && !rest.is_empty() {
        return Err(2);
    }
    let write: fn(&mut BumpVec<'_, u8>, &Branch<'_>) = match part.name.as_str() {
        "count" => {
            return Ok(select_fn(|msg| {
                let count = msg.branches.as_slice().len();
                text(msg, |out| push_number(out, count as u64))
            }));
        }
        "uri" => |out, b| out.extend_from_slice_copy(b.uri),
        "dst_uri" => |out, b| out.extend_from_slice_copy(b.dst_uri.unwrap_or_default()),
        "q" => |out, b| write_q(out, b.q),
        "uriq" => |out, b| write_uri_q(out, b.uri, b.q),
        _ => return Err(1),
    };
    let get = of_branches(part.number(), write);
    if is_uri { uri(get, rest, 2) } else { Ok(get) }
}

/// What `write` writes of one branch or of all, separated by commas.
fn of_branches(index: Option<i32>, write: fn(&mut BumpVec<'_, u8>, &Branch<'_>)) -> Box<SelectFn> {
    select_fn(move |msg| {
        let all = msg.branches.as_slice();
        if all.is_empty() {
            return SelectResult::Value(b"");
        }
        let chosen = match index {
            None => all,
            Some(n) => {
                let at = if n < 0 {
                    all.len().checked_sub(n.unsigned_abs() as usize)
                } else {
                    Some(n as usize)
                };
                match at.and_then(|at| all.get(at..=at)) {
                    Some(one) => one,
                    None => return SelectResult::Null,
                }
            }
        };
        text(msg, |out| {
            for (i, branch) in chosen.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(out, branch);
            }
        })
    })
}

/// A q value as `0.5`; nothing when unspecified.
fn write_q(out: &mut BumpVec<'_, u8>, q: i32) {
    if q >= 0 {
        push_q(out, q);
    }
}

/// `<uri>;q=0.5`; the URI alone in brackets when it has no q.
fn write_uri_q(out: &mut BumpVec<'_, u8>, uri: &[u8], q: i32) {
    out.push(b'<');
    out.extend_from_slice_copy(uri);
    out.push(b'>');
    if q >= 0 {
        out.extend_from_slice_copy(b";q=");
        push_q(out, q);
    }
}
