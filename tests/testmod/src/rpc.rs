//! `test_rpc("method|parameter|…")`: calls an RPC method of a loaded module; the attribute `$rpc` gets the
//! answer, so that a script can send it: `ok a b` or `fault 400 reason`. `\\n` in a parameter is a line end.

use ser::core::module::Args;
use ser::core::msg::{Avp, AvpClass, AvpTrack, AvpValue, SipMsg};
use ser::core::rpc::{self, RpcContext, RpcFault, RpcValue};

/// 1, or -1 when there is no such method or it answered with a fault.
pub(crate) fn call(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let text = args.str(0, msg).unwrap_or_default();
    let text = String::from_utf8_lossy(text).into_owned();
    let mut words = text.split('|').map(|word| word.replace("\\n", "\n"));
    let name = words.next().unwrap_or_default();
    let Some(method) = rpc::find(name.as_bytes()) else {
        return -1;
    };
    let mut context = Context {
        parameters: words.collect::<Vec<_>>().into_iter(),
        answer: String::from("ok"),
    };
    let result = rpc::call(method, &mut context);
    let answer = match &result {
        Ok(()) => context.answer,
        Err(fault) => format!("fault {} {}", fault.code, fault.reason),
    };
    let value = AvpValue::Str(msg.store(answer.as_bytes()));
    msg.avps.push(Avp {
        track: AvpTrack::From,
        class: AvpClass::Uri,
        name: b"rpc",
        value,
        flags: 0,
    });
    if result.is_ok() { 1 } else { -1 }
}

struct Context {
    parameters: std::vec::IntoIter<String>,
    answer: String,
}

impl Context {
    fn next<T: std::str::FromStr>(&mut self) -> Result<T, RpcFault> {
        let missing = || RpcFault::new(400, "parameter expected");
        let word = self.parameters.next().ok_or_else(missing)?;
        word.parse().map_err(|_| RpcFault::new(400, "wrong type"))
    }
}

impl RpcContext for Context {
    fn next_int(&mut self) -> Result<i64, RpcFault> {
        self.next()
    }
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault> {
        self.next::<String>().map(String::into_bytes)
    }
    fn next_double(&mut self) -> Result<f64, RpcFault> {
        self.next()
    }
    fn has_next(&self) -> bool {
        !self.parameters.as_slice().is_empty()
    }
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault> {
        show(&mut self.answer, &value);
        Ok(())
    }
    fn finish(&mut self) -> Result<(), RpcFault> {
        Ok(())
    }
}

fn show(out: &mut String, value: &RpcValue) {
    out.push(' ');
    match value {
        RpcValue::Int(n) | RpcValue::Time(n) => out.push_str(&n.to_string()),
        RpcValue::Bool(b) => out.push_str(&b.to_string()),
        RpcValue::Double(d) => out.push_str(&d.to_string()),
        RpcValue::Str(text) => out.push_str(&String::from_utf8_lossy(text)),
        RpcValue::Struct(members) => {
            for (name, value) in members {
                out.push_str(name);
                show(out, value);
                out.push(' ');
            }
        }
        RpcValue::Array(values) => values.iter().for_each(|value| show(out, value)),
    }
}
