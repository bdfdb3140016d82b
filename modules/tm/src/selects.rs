//! The selects `@tm…`: the transaction that the message belongs to, as SER shows it.

use crate::newtran;
use crate::table;
use crate::transaction::{Branch, Transaction};
use ser::core::forward::text::push_number;
use ser::core::msg::{BumpVec, SipMsg};
use ser::core::script::select::{Part, SelectFn, SelectResult, register_select, select_fn};

/// Announces them, before routes that use them are compiled.
pub fn register() {
    register_select("tm", resolve);
}

/// `parts` begins with `tm`; the error is the level that is not known.
fn resolve(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let indexed = |part: &Part| part.index.is_some();
    let [_, rest @ ..] = parts else { return Err(0) };
    if let [uac, field] = rest
        && uac.name == "uac"
        && indexed(uac)
    {
        let number = uac.number().ok_or(1usize)?;
        return branch_field(number, &field.name).ok_or(2);
    }
    if let Some(level) = parts.iter().position(indexed) {
        return Err(level);
    }
    let names: Vec<&str> = rest.iter().map(|p| p.name.as_str()).collect();
    match names.as_slice() {
        [] => Ok(select_fn(|msg| {
            let exists = newtran::of_message(msg).is_some();
            SelectResult::Value(if exists { b"1" } else { b"0" })
        })),
        ["method"] => Ok(text(|t| t.identity.method_name(&t.request))),
        ["uas", "status"] => Ok(number(|t| t.uas.status.into())),
        ["uas", "request" | "req"] => Ok(text(|t| &t.request)),
        ["uas", "local_to_tag"] => Ok(text(|t| &t.uas.to_tag)),
        ["uas", "response" | "resp"] => Ok(text(|t| &t.uas.reply)),
        ["uac", "count"] => Ok(number(|t| t.branches.len() as i64)),
        ["uac", "relayed"] => Ok(number(|t| t.uas.relayed.into())),
        ["uas" | "uac", _, ..] => Err(2),
        _ => Err(1),
    }
}

fn branch_field(number: i32, name: &str) -> Option<Box<SelectFn>> {
    let number = usize::try_from(number).ok();
    Some(match name {
        "status" => of_branch(number, |msg, b| written(msg, b.last.into())),
        "uri" => of_branch(number, |msg, b| {
            msg.store(crate::cancel::request_uri(&b.request).unwrap_or_default())
        }),
        "response" | "resp" => of_branch(number, |msg, b| msg.store(&b.reply)),
        "request" | "req" => of_branch(number, |msg, b| msg.store(&b.request)),
        _ => return None,
    })
}

/// Looks at the message's transaction; an error without one.
fn ask<'a>(
    msg: &mut SipMsg<'a>,
    look: impl FnOnce(&SipMsg<'a>, &Transaction) -> Option<&'a [u8]>,
) -> SelectResult<'a> {
    let found = newtran::of_message(msg).and_then(|id| table::with(id, |t| look(msg, t)));
    SelectResult::or_error(found.flatten())
}

fn text(get: for<'t> fn(&'t Transaction) -> &'t [u8]) -> Box<SelectFn> {
    select_fn(move |msg| ask(msg, |msg, t| Some(msg.store(get(t)))))
}

fn number(get: fn(&Transaction) -> i64) -> Box<SelectFn> {
    select_fn(move |msg| ask(msg, |msg, t| Some(written(msg, get(t)))))
}

/// Looks at a branch; an error when there is none of that number.
fn of_branch(
    number: Option<usize>,
    get: for<'a> fn(&SipMsg<'a>, &Branch) -> &'a [u8],
) -> Box<SelectFn> {
    select_fn(move |msg| {
        ask(msg, |msg, t| {
            let branch = t.branches.get(number?)?;
            Some(get(msg, branch))
        })
    })
}

fn written<'a>(msg: &SipMsg<'a>, n: i64) -> &'a [u8] {
    let mut out = BumpVec::with_capacity_in(8, msg.arena);
    if n < 0 {
        out.push(b'-');
    }
    push_number(&mut out, n.unsigned_abs());
    out.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::script::select::parse;

    fn level(text: &str) -> Option<usize> {
        resolve(&parse(text).unwrap()).err()
    }

    #[test]
    fn every_select_of_the_original_is_known() {
        for text in [
            "tm",
            "tm.method",
            "tm.uas.status",
            "tm.uas.request",
            "tm.uas.req",
            "tm.uas.local_to_tag",
            "tm.uas.response",
            "tm.uas.resp",
            "tm.uac.count",
            "tm.uac.relayed",
            "tm.uac[0].status",
            "tm.uac[11].uri",
            "tm.uac[1].response",
            "tm.uac[1].resp",
            "tm.uac[1].request",
            "tm.uac[1].req",
        ] {
            assert_eq!(level(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_at_its_level() {
        assert_eq!(level("tm.uax"), Some(1));
        assert_eq!(level("tm.uas"), Some(1));
        assert_eq!(level("tm.uas.nothing"), Some(2));
        assert_eq!(level("tm.uac[0].nothing"), Some(2));
        assert_eq!(level("tm.uac.status"), Some(2));
        assert_eq!(level("tm.uac[\"x\"].status"), Some(1));
        assert_eq!(level("tm[0].method"), Some(0));
    }
}
