//! RPC: methods by name, the values that they take and give, and the methods of the core. Transports are
//! modules; they find a method with [`find`] and run it with [`call`] (SER's rpc.h, core_cmd.c).

pub mod binrpc;
mod core_methods;
pub mod datagram;
pub mod late;
pub mod line;
pub mod line_frame;
mod old_names;
pub mod pipe;
mod registry;
mod sink;
mod stats_methods;
mod system;
pub mod values;

pub use core_methods::{note_start, start_time};
pub(in crate::core) use registry::register_core;
pub use registry::{all, call, find};
pub use sink::Sink;

/// A value in a reply or a parameter.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum RpcValue {
    Int(i64),
    Bool(bool),
    /// Unix time in seconds.
    Time(i64),
    Double(f64),
    Str(Vec<u8>),
    Struct(Vec<(&'static str, RpcValue)>),
    Array(Vec<RpcValue>),
}

/// An answer that says why not: HTTP-like code and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RpcFault {
    pub code: u16,
    pub reason: String,
}

impl RpcFault {
    /// A fault.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        RpcFault {
            code,
            reason: reason.into(),
        }
    }
}

/// How a method ends whose reply came later: what it adds, and what it returns.
#[derive(Debug)]
pub struct RpcEnd {
    /// The values of the reply, in order; in a fault those that were added before it.
    pub values: Vec<RpcValue>,
    /// Whether it is a fault.
    pub result: Result<(), RpcFault>,
}

/// The rest of a method whose reply is not there yet. Called from time to time, it gives the end once that has
/// come, and is not called again. It does not wait itself. Dropping it (the client is gone) gives the reply up.
pub type RpcRest = Box<dyn FnMut() -> Option<RpcEnd>>;

/// What a transport offers to a method: its parameters one after the other, and a place for values.
pub trait RpcContext {
    /// Next parameter as integer.
    fn next_int(&mut self) -> Result<i64, RpcFault>;
    /// Next parameter as string.
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault>;
    /// Next parameter as float.
    fn next_double(&mut self) -> Result<f64, RpcFault>;
    /// Whether another parameter is there.
    fn has_next(&self) -> bool;
    /// Adds a value to the reply; it may be sent at once. An error: the client is gone, or the reply cannot
    /// be made; the method ends.
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault>;
    /// The reply is complete and leaves now; nothing may be added after it.
    fn finish(&mut self) -> Result<(), RpcFault>;
    /// Takes over a reply that is not there yet (SER's and Kamailio's delayed replies): the transport goes on
    /// with other requests, calls `rest` some times a second in this process, and sends what it gives. The
    /// method has added nothing and returns `Ok`. `Err`: this transport cannot, the method must wait itself.
    fn later(&mut self, rest: RpcRest) -> Result<(), RpcRest> {
        Err(rest)
    }
}

/// The function behind a method.
pub type RpcFn = fn(&mut dyn RpcContext) -> Result<(), RpcFault>;

/// One RPC method (core or module).
#[derive(Clone, Copy, Debug)]
pub struct RpcMethod {
    /// Full name, `usrloc.stats`.
    pub name: &'static str,
    /// What runs.
    pub func: RpcFn,
    /// First line: description.
    pub doc: &'static str,
    /// The reply is an array even with one value (SER's RET_ARRAY).
    pub ret_array: bool,
}
