//! `core.quarantine`, `core.quarantine_clear`.

use super::{Fingerprint, Suspect};
use crate::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};

/// The methods.
pub(in crate::core) const METHODS: &[RpcMethod] = &[
    RpcMethod {
        name: "core.quarantine",
        func: quarantine,
        doc: "Returns the messages that processes died of; from the second death on they are dropped.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.quarantine_clear",
        func: quarantine_clear,
        doc: "Lets the message with that fingerprint out of quarantine; without one all messages.",
        ret_array: false,
    },
];

fn quarantine(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    super::list().iter().try_for_each(|s| ctx.add(show(s)))
}

fn show(suspect: &Suspect) -> RpcValue {
    let text = |text: &str| RpcValue::Str(text.into());
    RpcValue::Struct(vec![
        ("fingerprint", text(&suspect.fingerprint.to_string())),
        ("source", text(&suspect.source)),
        ("method", text(&suspect.method)),
        ("call_id", text(&suspect.call_id)),
        ("deaths", RpcValue::Int(suspect.deaths.into())),
        ("dropped", RpcValue::Int(suspect.dropped as i64)),
        ("expires", RpcValue::Int(suspect.expires as i64)),
    ])
}

/// The number of messages that were let out.
fn quarantine_clear(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let which = match ctx.has_next() {
        true => Some(read_fingerprint(&ctx.next_str()?)?),
        false => None,
    };
    let cleared = super::clear(which);
    if which.is_some() && cleared == 0 {
        return Err(RpcFault::new(404, "no message has that fingerprint"));
    }
    ctx.add(RpcValue::Int(cleared as i64))
}

fn read_fingerprint(text: &[u8]) -> Result<Fingerprint, RpcFault> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.parse().map_err(|()| {
        let reason = format!("{text} is no fingerprint: x and 16 hexadecimal digits");
        RpcFault::new(400, reason)
    })
}
