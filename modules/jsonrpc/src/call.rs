//! One request or batch of JSON-RPC 2.0 (jsonrpc.org/specification): from its text to that of its reply.

use crate::json;
use ser::core::rpc::values::{self, Cause, Format, Late};
use ser::core::rpc::{RpcFault, RpcValue, Sink};
use serde_json::Value;
use std::io;

const PARSE_ERROR: (i32, &str) = (-32700, "Parse error");
const INVALID_REQUEST: (i32, &str) = (-32600, "Invalid Request");
const NO_METHOD: (i32, &str) = (-32601, "Method not found");
const INVALID_PARAMS: i32 = -32602;

/// The answer to a line that is too long.
pub const TOO_LONG: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Request too long\"},\"id\":null}\n";

/// The answer to a text, request after request.
pub struct Answering {
    requests: std::vec::IntoIter<Value>,
    batch: bool,
    /// Something was answered.
    any: bool,
    /// The reply that is not there yet.
    late: Option<(Late, Reply)>,
}

/// How far an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The whole of it is there.
    Answered,
    /// Nothing is to be answered.
    Silent,
    /// A reply is not there yet.
    Late,
}

impl Answering {
    /// To that text; what is no JSON is answered at once. The error: the client is gone.
    pub fn new(text: &[u8], sink: &mut dyn Sink) -> io::Result<Answering> {
        let (requests, batch) = match serde_json::from_slice(text) {
            Ok(Value::Array(batch)) if !batch.is_empty() => (batch, true),
            Ok(one) => (vec![one], false),
            Err(_) => {
                refuse(PARSE_ERROR, sink)?;
                (Vec::new(), false)
            }
        };
        Ok(Answering {
            any: requests.is_empty(),
            requests: requests.into_iter(),
            batch,
            late: None,
        })
    }

    /// Goes on as far as replies are there. The error: the reply is cut off.
    pub fn go_on(&mut self, sink: &mut dyn Sink) -> io::Result<Progress> {
        let mut replies = Replies {
            sink,
            batch: self.batch,
            any: &mut self.any,
            within: false,
        };
        loop {
            if let Some((late, reply)) = &mut self.late
                && !late.send(reply, &mut replies)?
            {
                return Ok(Progress::Late);
            }
            let Some(request) = self.requests.next() else {
                break;
            };
            replies.within = false;
            // The late one, if there was one, is out.
            self.late = answer_one(request, &mut replies)?;
        }
        if self.batch && self.any {
            sink.write(b"]")?;
        }
        Ok(match self.any {
            true => Progress::Answered,
            false => Progress::Silent,
        })
    }
}

fn refuse(error: (i32, &str), sink: &mut dyn Sink) -> io::Result<()> {
    let mut out = Vec::new();
    write_error(error.0, error.1.as_bytes(), &Value::Null, &mut out);
    sink.write(&out)
}

/// Notes that there are replies, and puts those of a batch into an array: a bracket before the first, commas between.
struct Replies<'s> {
    sink: &'s mut dyn Sink,
    batch: bool,
    any: &'s mut bool,
    /// In the middle of a reply.
    within: bool,
}

impl Sink for Replies<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let first = !std::mem::replace(self.any, true);
        if !std::mem::replace(&mut self.within, true) && self.batch {
            self.sink.write(if first { b"[" } else { b"," })?;
        }
        self.sink.write(piece)
    }
    fn finish(&mut self) -> io::Result<()> {
        match self.batch {
            true => Ok(()),
            false => self.sink.finish(),
        }
    }
}

/// What a notification's reply goes to.
struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

fn answer_one(request: Value, sink: &mut dyn Sink) -> io::Result<Option<(Late, Reply)>> {
    let Value::Object(mut request) = request else {
        return refuse(INVALID_REQUEST, sink).map(|()| None);
    };
    let id = request.remove("id");
    let params = params(request.remove("params"));
    let version = request.get("jsonrpc").and_then(Value::as_str);
    let (Some("2.0"), Some(Value::String(method))) = (version, request.get("method")) else {
        return refuse(INVALID_REQUEST, sink).map(|()| None);
    };
    let method = method.as_bytes();
    let Some(id) = id else {
        let reply = Reply { id: Value::Null };
        // Nobody waits for a reply that is not there yet.
        values::run(method, params.unwrap_or_default(), &reply, &mut Nowhere)?;
        return Ok(None);
    };
    if !matches!(id, Value::Null | Value::String(_) | Value::Number(_)) {
        return refuse(INVALID_REQUEST, sink).map(|()| None);
    }
    let Some(params) = params else {
        let mut out = Vec::new();
        let why = b"Invalid params: an array is expected, names are not known";
        write_error(INVALID_PARAMS, why, &id, &mut out);
        return sink.write(&out).map(|()| None);
    };
    let reply = Reply { id };
    let late = values::run(method, params, &reply, sink)?;
    Ok(late.map(|late| (late, reply)))
}

/// `None`: it is no array.
fn params(given: Option<Value>) -> Option<Vec<Option<RpcValue>>> {
    match given {
        None => Some(Vec::new()),
        Some(Value::Array(values)) => Some(values.into_iter().map(json::parameter).collect()),
        Some(Value::Object(names)) if names.is_empty() => Some(Vec::new()),
        Some(_) => None,
    }
}

fn write_error(code: i32, message: &[u8], id: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(
        format!("{{\"jsonrpc\":\"2.0\",\"error\":{{\"code\":{code},\"message\":").as_bytes(),
    );
    json::string(message, out);
    out.extend_from_slice(format!("}},\"id\":{id}}}").as_bytes());
}

/// A reply to the request of that id.
struct Reply {
    id: Value,
}

impl Format for Reply {
    fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"result\":");
    }
    fn value(&self, value: &RpcValue, out: &mut Vec<u8>) {
        json::value(value, out);
    }
    fn array(&self) -> [&'static [u8]; 3] {
        [b"[", b",", b"]"]
    }
    fn empty_array(&self) -> &'static [u8] {
        b"[]"
    }
    fn nothing(&self) -> &'static [u8] {
        b"null"
    }
    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(",\"id\":{}}}", self.id).as_bytes());
    }
    fn fault(&self, fault: &RpcFault, cause: Cause, out: &mut Vec<u8>) {
        let (code, message) = match cause {
            Cause::NoMethod => NO_METHOD,
            Cause::Parameter => (INVALID_PARAMS, fault.reason.as_str()),
            Cause::Method => (fault.code.into(), fault.reason.as_str()),
        };
        write_error(code, message.as_bytes(), &self.id, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> String {
        let mut out: Vec<u8> = Vec::new();
        let mut answering = Answering::new(text.as_bytes(), &mut out).unwrap();
        let progress = answering.go_on(&mut out).unwrap();
        assert_eq!(progress == Progress::Silent, out.is_empty());
        String::from_utf8(out).unwrap()
    }

    fn error(code: i32, message: &str, id: &str) -> String {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"error\":{{\"code\":{code},\"message\":\"{message}\"}},\"id\":{id}}}"
        )
    }

    #[test]
    fn the_id_comes_back_as_it_was() {
        for id in ["1", "\"a\\\"b\"", "null", "-1.5"] {
            let asked = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[\"x\"],\"id\":{id}}}"
            );
            let expected = format!("{{\"jsonrpc\":\"2.0\",\"result\":\"x\",\"id\":{id}}}");
            assert_eq!(ask(&asked), expected);
        }
    }

    #[test]
    fn what_is_no_request_gets_the_errors_of_the_specification() {
        assert_eq!(ask("{\"jsonrpc\":"), error(-32700, "Parse error", "null"));
        for bad in [
            "[]",
            "1",
            "{}",
            "{\"jsonrpc\":\"1.0\",\"method\":\"x\",\"id\":1}",
            "{\"jsonrpc\":\"2.0\",\"method\":1,\"id\":1}",
            "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":[]}",
        ] {
            assert_eq!(ask(bad), error(-32600, "Invalid Request", "null"), "{bad}");
        }
        let unknown = "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\",\"id\":1}";
        assert_eq!(ask(unknown), error(-32601, "Method not found", "1"));
        let missing = "{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"id\":1}";
        assert!(ask(missing).contains("\"code\":-32602"), "{}", ask(missing));
        let names =
            "{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":{\"a\":1},\"id\":1}";
        assert!(ask(names).contains("\"code\":-32602"));
        let deep = "[".repeat(100_000);
        assert_eq!(ask(&deep), error(-32700, "Parse error", "null"));
    }

    #[test]
    fn a_batch_is_answered_as_an_array_without_its_notifications() {
        let call = |id: &str| {
            format!("{{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[7]{id}}}")
        };
        let reply = |id: &str| format!("{{\"jsonrpc\":\"2.0\",\"result\":\"7\",\"id\":{id}}}");
        let batch = format!(
            "[{},{},1,{}]",
            call(",\"id\":1"),
            call(""),
            call(",\"id\":\"z\"")
        );
        let invalid = error(-32600, "Invalid Request", "null");
        assert_eq!(
            ask(&batch),
            format!("[{},{invalid},{}]", reply("1"), reply("\"z\""))
        );
        assert_eq!(ask(&format!("[{},{}]", call(""), call(""))), "");
        assert_eq!(ask(&call("")), "");
    }
}
