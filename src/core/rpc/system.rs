//! `system.*`: what methods there are (the introspection of XML-RPC).

use super::{RpcContext, RpcFault, RpcMethod, RpcValue, registry};

/// The table.
pub(super) const METHODS: &[RpcMethod] = &[
    RpcMethod {
        name: "system.listMethods",
        func: list_methods,
        doc: "Lists all RPC methods supported by the server.",
        ret_array: true,
    },
    RpcMethod {
        name: "system.methodSignature",
        func: method_signature,
        doc: "Returns signature of given method.",
        ret_array: false,
    },
    RpcMethod {
        name: "system.methodHelp",
        func: method_help,
        doc: "Print the help string for given method.",
        ret_array: false,
    },
];

fn list_methods(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let all = registry::all();
    all.iter()
        .try_for_each(|m| ctx.add(RpcValue::Str(m.name.into())))
}

/// The values of a method are not declared, so there is nothing to tell (SER answers the same).
fn method_signature(_: &mut dyn RpcContext) -> Result<(), RpcFault> {
    Err(RpcFault::new(500, "Not Implemented Yet"))
}

fn method_help(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    if !ctx.has_next() {
        return Err(RpcFault::new(400, "Method Name Expected"));
    }
    let name = ctx.next_str()?;
    let method = registry::find(&name).ok_or_else(|| RpcFault::new(400, "command not found"))?;
    let doc = if method.doc.is_empty() {
        "undocumented"
    } else {
        method.doc
    };
    ctx.add(RpcValue::Str(doc.into()))
}
