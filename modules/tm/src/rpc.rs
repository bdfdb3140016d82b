//! The RPC methods `tm.*`.

use crate::cancel;
use crate::decide::{self, Next};
use crate::failure;
use crate::reply::{self, Work};
use crate::saved;
use crate::stats::{self, Stat};
use crate::table::{self, TxId};
use crate::transaction::{Flag, Transaction};
use crate::uac;
use ser::core::forward::branch::hash_index;
use ser::core::msg::{Bump, ReplyLump, ReplyLumpKind};
use ser::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};

pub const fn method(
    name: &'static str,
    func: ser::core::rpc::RpcFn,
    doc: &'static str,
) -> RpcMethod {
    RpcMethod {
        name,
        func,
        doc,
        ret_array: false,
    }
}

/// All of them.
pub const METHODS: &[RpcMethod] = &[
    method(
        "tm.cancel",
        cancel,
        "Cancel a pending transaction: Call-ID and CSeq number.",
    ),
    method(
        "tm.reply",
        reply,
        "Reply transaction: code, reason, hash:label, To-tag, header lines, body.",
    ),
    method("tm.stats", tm_stats, "Print transaction statistics"),
    uac::rpc::T_UAC_DLG[0],
    uac::rpc::T_UAC_DLG[1],
    uac::rpc::T_UAC_WAIT,
    uac::rpc::T_UAC_WAIT_BLOCK,
    uac::rpc::T_UAC_START,
    uac::rpc::T_UAC_CANCEL[0],
    uac::rpc::T_UAC_CANCEL[1],
];

pub fn fault(code: u16, reason: &str) -> RpcFault {
    RpcFault::new(code, reason)
}

fn tm_stats(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let value = |stat| RpcValue::Int(stats::sum(stat));
    let (current, waiting) = table::count();
    ctx.add(RpcValue::Struct(vec![
        ("current", RpcValue::Int(current as i64)),
        ("waiting", RpcValue::Int(waiting as i64)),
        ("total", value(Stat::Total)),
        ("total_local", value(Stat::TotalLocal)),
        ("replied_localy", value(Stat::RepliedLocally)),
        ("6xx", value(Stat::Class6)),
        ("5xx", value(Stat::Class5)),
        ("4xx", value(Stat::Class4)),
        ("3xx", value(Stat::Class3)),
        ("2xx", value(Stat::Class2)),
    ]))
}

/// `tm.cancel Call-ID CSeq`: how many branches are left to time out.
fn cancel(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    cancel_named(ctx, || fault(400, "Transaction not found"))
}

/// Cancels the INVITE that Call-ID and CSeq number name.
pub fn cancel_named(
    ctx: &mut dyn RpcContext,
    unknown: impl FnOnce() -> RpcFault,
) -> Result<(), RpcFault> {
    let expected = |_| fault(400, "Callid and CSeq expected as parameters");
    let call_id = ctx.next_str().map_err(expected)?;
    let cseq = ctx.next_str().map_err(expected)?;
    let index = hash_index(&call_id, &cseq);
    let is_it = |t: &Transaction| {
        t.has(Flag::Invite)
            && t.identity.call_id(&t.request) == call_id
            && t.identity.cseq(&t.request) == cseq
    };
    let id = table::lock(index).find(|t| is_it(t)).map(Transaction::id);
    let left = id.and_then(cancel_all).ok_or_else(unknown)?;
    ctx.add(RpcValue::Int(left as i64))?;
    ctx.add(RpcValue::Str(
        b"branches remaining (waiting for timeout)".to_vec(),
    ))
}

/// Cancels the pending branches of an INVITE; how many still wait for their end. `None`: it is gone.
pub fn cancel_all(id: TxId) -> Option<usize> {
    let arena = Bump::new();
    let mut work = Work::new_in(&arena);
    let left = table::with(id, |t| {
        cancel::others(t, usize::MAX, &mut work);
        let left = t.branches.iter().filter(|b| b.state.is_pending()).count();
        let next = match left {
            0 if !t.uas.state.is_final() => decide::conclude(t, None, &mut work),
            _ => Next::Nothing,
        };
        t.set_timers(work.now);
        (left, next)
    });
    work.outbox.flush();
    let (left, next) = left?;
    failure::go_on(id, next, &arena, 0);
    Some(left)
}

/// `tm.reply code reason hash:label to-tag [headers [body]]`
fn reply(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let code = ctx
        .next_int()
        .ok()
        .and_then(|code| u16::try_from(code).ok().filter(|c| (100..700).contains(c)))
        .ok_or_else(|| fault(400, "Reply code expected"))?;
    let mut next = |what| ctx.next_str().map_err(|_| fault(400, what));
    let reason = next("Reason phrase expected")?;
    let name = next("Transaction ID expected")?;
    let to_tag = next("To tag expected")?;
    let headers = next("").unwrap_or_default();
    let body = next("").unwrap_or_default();
    let id = parse_name(&name).ok_or_else(|| fault(400, "Invalid transaction ID"))?;
    match reply_to(id, code, &reason, &to_tag, &headers, &body) {
        None => Err(fault(481, "No such transaction")),
        Some(false) => Err(fault(500, "Reply failed")),
        Some(true) => Ok(()),
    }
}

/// `hash:label`, decimal.
fn parse_name(name: &[u8]) -> Option<TxId> {
    let (index, uid) = std::str::from_utf8(name).ok()?.split_once(':')?;
    Some(TxId {
        index: index.trim().parse().ok()?,
        uid: uid.trim().parse().ok()?,
    })
}

fn reply_to(
    id: TxId,
    code: u16,
    reason: &[u8],
    to_tag: &[u8],
    headers: &[u8],
    body: &[u8],
) -> Option<bool> {
    let arena = Bump::new();
    let revived = table::with(id, |t| saved::revive(t, &arena))?;
    let Ok(mut msg) = revived.message(&arena, 0) else {
        return Some(false);
    };
    let lines = with_line_end(headers, &arena);
    for (kind, text) in [(ReplyLumpKind::Header, lines), (ReplyLumpKind::Body, body)] {
        if !text.is_empty() {
            let text = arena.alloc_slice_copy(text);
            msg.reply_lumps.push(ReplyLump { kind, text });
        }
    }
    let tag = (!to_tag.is_empty()).then_some(to_tag);
    let Ok(made) = reply::make(&mut msg, code, reason, tag) else {
        return Some(false);
    };
    let mut work = Work::new_in(&arena);
    let done = table::with(id, |t| {
        let done = !t.has(Flag::Local) && reply::commit_made(t, &made, &mut work);
        if done && code >= 200 {
            cancel::others(t, usize::MAX, &mut work);
            t.stop_branches();
        }
        t.set_timers(work.now);
        done
    });
    work.outbox.flush();
    if done == Some(true) {
        failure::go_on(id, Next::Replied(code), &arena, 0);
    }
    done
}

/// Header lines end with a line end each.
pub fn with_line_end<'a>(headers: &[u8], arena: &'a Bump) -> &'a [u8] {
    let text = headers.trim_ascii_end();
    if text.is_empty() {
        return b"";
    }
    let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let mut out = ser::core::msg::BumpVec::new_in(arena);
    for line in lines {
        out.extend_from_slice_copy(line);
        out.extend_from_slice_copy(b"\r\n");
    }
    out.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_named_by_two_decimal_numbers() {
        let id = parse_name(b"65535:4294967295").unwrap();
        assert_eq!((id.index, id.uid), (65535, u32::MAX));
        for bad in ["", "1", "65536:1", "a:1", "1:-1"] {
            assert!(parse_name(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn header_lines_get_their_line_ends() {
        let arena = Bump::new();
        assert_eq!(with_line_end(b"A: 1\nB: 2", &arena), b"A: 1\r\nB: 2\r\n");
        assert_eq!(with_line_end(b"A: 1\r\n", &arena), b"A: 1\r\n");
        assert_eq!(with_line_end(b"", &arena), b"");
    }
}
