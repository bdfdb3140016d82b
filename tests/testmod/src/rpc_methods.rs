//! RPC methods that go wrong.

use ser::core::rpc::{RpcContext, RpcFault, RpcMethod};

pub(crate) const METHODS: &[RpcMethod] = &[
    RpcMethod {
        name: "test.segv",
        func: segv,
        doc: "Ends its process with SIGSEGV.",
        ret_array: false,
    },
    RpcMethod {
        name: "test.panic",
        func: panic,
        doc: "Panics.",
        ret_array: false,
    },
];

fn segv(_: &mut dyn RpcContext) -> Result<(), RpcFault> {
    crate::life::segv();
    Ok(())
}

fn panic(_: &mut dyn RpcContext) -> Result<(), RpcFault> {
    panic!("told to panic in a method")
}
