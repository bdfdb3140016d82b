//! RPC values as JSON, and parameters from JSON.

use ser::core::rpc::RpcValue;
use serde_json::Value;

/// Appends text as a JSON string; what is not UTF-8 is replaced.
pub fn string(text: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(text);
    // The display of a JSON value is JSON.
    out.extend_from_slice(Value::from(text).to_string().as_bytes());
}

/// Appends a value.
pub fn value(value: &RpcValue, out: &mut Vec<u8>) {
    match value {
        RpcValue::Int(n) | RpcValue::Time(n) => out.extend_from_slice(n.to_string().as_bytes()),
        RpcValue::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        // JSON has no word for what is not finite: `Value` makes it null.
        RpcValue::Double(n) => out.extend_from_slice(Value::from(*n).to_string().as_bytes()),
        RpcValue::Str(text) => string(text, out),
        RpcValue::Struct(members) => {
            out.push(b'{');
            for (i, (name, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                string(name.as_bytes(), out);
                out.push(b':');
                self::value(member, out);
            }
            out.push(b'}');
        }
        RpcValue::Array(values) => {
            out.push(b'[');
            for (i, member) in values.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                self::value(member, out);
            }
            out.push(b']');
        }
    }
}

/// A parameter; `None`: methods do not take such.
pub fn parameter(value: Value) -> Option<RpcValue> {
    match value {
        Value::Bool(b) => Some(RpcValue::Bool(b)),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Some(RpcValue::Int(n)),
            (None, Some(n)) => Some(RpcValue::Double(n)),
            (None, None) => None,
        },
        Value::String(text) => Some(RpcValue::Str(text.into_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_json() {
        let all = RpcValue::Array(vec![
            RpcValue::Int(i64::MIN),
            RpcValue::Bool(true),
            RpcValue::Double(0.5),
            RpcValue::Double(f64::NAN),
            RpcValue::Str(b"a\"\\\n\0\xff".to_vec()),
            RpcValue::Struct(vec![
                ("a", RpcValue::Time(1)),
                ("b", RpcValue::Array(vec![])),
            ]),
        ]);
        let mut out = Vec::new();
        value(&all, &mut out);
        let text = String::from_utf8(out).unwrap();
        let expected = "[-9223372036854775808,true,0.5,null,\"a\\\"\\\\\\n\\u0000\u{fffd}\",{\"a\":1,\"b\":[]}]";
        assert_eq!(text, expected);
    }
}
