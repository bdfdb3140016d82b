//! Runs a method for a protocol whose reply is one document (JSON-RPC, XML-RPC): one value stands for itself,
//! several become an array, as does what a method of lists gives (SER's RET_ARRAY).
//!
//! Invariant: a reply shorter than [`KEPT`] is a success or a fault as a whole; a longer one leaves as it is made, and
//! a fault that comes after that breaks the connection off.

use super::{RpcContext, RpcEnd, RpcFault, RpcMethod, RpcRest, RpcValue, Sink};
use std::io;

/// So much of a reply is kept until it is known whether it is a fault.
const KEPT: usize = 64 * 1024;

/// Where a fault comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// There is no such method.
    NoMethod,
    /// A parameter is missing or of another type.
    Parameter,
    /// The method says so.
    Method,
}

/// How a reply is written; each function appends to `out`.
pub trait Format {
    /// What stands before the result.
    fn begin(&self, out: &mut Vec<u8>);
    /// One value.
    fn value(&self, value: &RpcValue, out: &mut Vec<u8>);
    /// The beginning of an array, what stands between two values in it, and its end.
    fn array(&self) -> [&'static [u8]; 3];
    /// An array without values.
    fn empty_array(&self) -> &'static [u8];
    /// What stands for no value at all.
    fn nothing(&self) -> &'static [u8];
    /// What stands behind the result.
    fn end(&self, out: &mut Vec<u8>);
    /// A whole reply that is a fault.
    fn fault(&self, fault: &RpcFault, cause: Cause, out: &mut Vec<u8>);
}

/// A reply that is not there yet.
pub struct Late {
    rest: RpcRest,
    method: &'static RpcMethod,
}

impl Late {
    /// Sends it if it is there by now; false: it is not.
    pub fn send(&mut self, format: &dyn Format, sink: &mut dyn Sink) -> io::Result<bool> {
        let Some(RpcEnd { values, result }) = (self.rest)() else {
            return Ok(false);
        };
        let mut ctx = ValueContext::new(self.method, Vec::new(), format, sink);
        let added = values.into_iter().try_for_each(|v| ctx.add(v));
        ctx.close(self.method, added.and(result))?;
        Ok(true)
    }
}

/// Runs the method `name` on `params` and sends the reply, or gives it back where it is not there yet. `None` among
/// the parameters: a value that methods do not take. The error: the reply is cut off, the connection has to end.
pub fn run(
    name: &[u8],
    params: Vec<Option<RpcValue>>,
    format: &dyn Format,
    sink: &mut dyn Sink,
) -> io::Result<Option<Late>> {
    let Some(method) = super::find(name) else {
        let mut out = Vec::new();
        let fault = RpcFault::new(500, "Method Not Found");
        format.fault(&fault, Cause::NoMethod, &mut out);
        return sink.write(&out).map(|()| None);
    };
    let mut ctx = ValueContext::new(method, params, format, sink);
    let result = super::call(method, &mut ctx);
    match ctx.rest.take() {
        Some(rest) if result.is_ok() => Ok(Some(Late { rest, method })),
        _ => ctx.close(method, result).map(|()| None),
    }
}

struct ValueContext<'s> {
    params: std::vec::IntoIter<Option<RpcValue>>,
    /// Number of the next parameter, from 0.
    number: usize,
    /// The fault that a parameter got.
    refused: Option<RpcFault>,
    out: Vec<u8>,
    /// The only value so far, where one alone does not stand in an array.
    first: Option<Vec<u8>>,
    added: usize,
    array: bool,
    /// Something has left.
    sent: bool,
    finished: bool,
    /// The reply is not there yet.
    rest: Option<RpcRest>,
    format: &'s dyn Format,
    sink: &'s mut dyn Sink,
}

impl<'s> ValueContext<'s> {
    fn new(
        method: &RpcMethod,
        params: Vec<Option<RpcValue>>,
        format: &'s dyn Format,
        sink: &'s mut dyn Sink,
    ) -> ValueContext<'s> {
        let mut out = Vec::new();
        format.begin(&mut out);
        ValueContext {
            params: params.into_iter(),
            number: 0,
            refused: None,
            out,
            first: None,
            added: 0,
            array: method.ret_array,
            sent: false,
            finished: false,
            rest: None,
            format,
            sink,
        }
    }

    fn close(&mut self, method: &RpcMethod, result: Result<(), RpcFault>) -> io::Result<()> {
        if self.finished {
            return Ok(());
        }
        let Err(fault) = result else {
            return self.complete();
        };
        if self.sent {
            log::error!(
                "ERROR: rpc: {}: {} {}",
                method.name,
                fault.code,
                fault.reason
            );
            return Err(io::Error::other("a fault in the middle of a reply"));
        }
        let cause = match self.refused.as_ref() == Some(&fault) {
            true => Cause::Parameter,
            false => Cause::Method,
        };
        self.out.clear();
        self.format.fault(&fault, cause, &mut self.out);
        self.sink.write(&self.out)
    }

    /// Writes the rest of a success.
    fn complete(&mut self) -> io::Result<()> {
        self.finished = true;
        match self.first.take() {
            Some(only) => self.out.extend_from_slice(&only),
            None if self.array && self.added == 0 => {
                self.out.extend_from_slice(self.format.empty_array());
            }
            None if self.array => self.out.extend_from_slice(self.format.array()[2]),
            None => self.out.extend_from_slice(self.format.nothing()),
        }
        self.format.end(&mut self.out);
        let out = std::mem::take(&mut self.out);
        self.sink.write(&out)
    }

    fn next(&mut self, wanted: &str) -> Result<RpcValue, RpcFault> {
        match self.params.next() {
            Some(Some(value)) => {
                self.number += 1;
                Ok(value)
            }
            Some(None) => Err(self.refuse(wanted, "it is of a type that methods do not take")),
            None => Err(self.refuse(wanted, "it is missing")),
        }
    }

    fn refuse(&mut self, wanted: &str, why: &str) -> RpcFault {
        let number = self.number;
        let text = format!("error at parameter {number}: expected {wanted} type but {why}");
        let fault = RpcFault::new(400, text);
        self.refused = Some(fault.clone());
        fault
    }

    /// The parameter just read is of another type.
    fn mismatch(&mut self, wanted: &str) -> RpcFault {
        self.number -= 1;
        self.refuse(wanted, "it is of another type")
    }
}

impl RpcContext for ValueContext<'_> {
    fn next_int(&mut self) -> Result<i64, RpcFault> {
        let read = match self.next("integer")? {
            RpcValue::Int(n) | RpcValue::Time(n) => Some(n),
            RpcValue::Bool(b) => Some(b.into()),
            RpcValue::Str(text) => std::str::from_utf8(&text).ok().and_then(|t| t.parse().ok()),
            _ => None,
        };
        read.ok_or_else(|| self.mismatch("integer"))
    }
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault> {
        match self.next("string")? {
            RpcValue::Str(text) => Ok(text),
            RpcValue::Int(n) | RpcValue::Time(n) => Ok(n.to_string().into_bytes()),
            RpcValue::Double(n) => Ok(n.to_string().into_bytes()),
            _ => Err(self.mismatch("string")),
        }
    }
    fn next_double(&mut self) -> Result<f64, RpcFault> {
        let read = match self.next("float")? {
            RpcValue::Double(n) => Some(n),
            RpcValue::Int(n) => Some(n as f64),
            RpcValue::Str(text) => std::str::from_utf8(&text).ok().and_then(|t| t.parse().ok()),
            _ => None,
        };
        read.ok_or_else(|| self.mismatch("float"))
    }
    fn has_next(&self) -> bool {
        self.params.len() > 0
    }
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault> {
        if self.finished {
            return Err(RpcFault::new(500, "the reply was sent already"));
        }
        self.added += 1;
        if self.added == 1 && !self.array {
            let mut only = Vec::new();
            self.format.value(&value, &mut only);
            self.first = Some(only);
            return Ok(());
        }
        let [open, between, _] = self.format.array();
        if let Some(first) = self.first.take() {
            self.array = true;
            self.out.extend_from_slice(open);
            self.out.extend_from_slice(&first);
        }
        let before = if self.added > 1 { between } else { open };
        self.out.extend_from_slice(before);
        self.format.value(&value, &mut self.out);
        if self.out.len() < KEPT {
            return Ok(());
        }
        self.sent = true;
        let out = std::mem::take(&mut self.out);
        let gone = |e: io::Error| RpcFault::new(500, format!("the client is gone: {e}"));
        self.sink.write(&out).map_err(gone)
    }
    fn finish(&mut self) -> Result<(), RpcFault> {
        let sent = self.complete().and_then(|()| self.sink.finish());
        sent.map_err(|e| RpcFault::new(500, format!("the client is gone: {e}")))
    }
    fn later(&mut self, rest: RpcRest) -> Result<(), RpcRest> {
        self.rest = Some(rest);
        Ok(())
    }
}
