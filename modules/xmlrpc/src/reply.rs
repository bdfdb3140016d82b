//! Replies as XML (xmlrpc.com/spec), laid out as SER did.

use ser::core::rpc::values::{Cause, Format};
use ser::core::rpc::{RpcFault, RpcValue};
use ser::core::time::format_time;

/// A reply to a call.
#[derive(Debug)]
pub struct Xml;

impl Format for Xml {
    fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"<?xml version=\"1.0\"?>\n<methodResponse>\n<params>\n<param>\n<value>",
        );
    }
    fn value(&self, value: &RpcValue, out: &mut Vec<u8>) {
        self::value(value, out);
    }
    fn array(&self) -> [&'static [u8]; 3] {
        [
            b"<array><data>\n<value>",
            b"</value>\n<value>",
            b"</value>\n</data></array>",
        ]
    }
    fn empty_array(&self) -> &'static [u8] {
        b"<array><data>\n</data></array>"
    }
    fn nothing(&self) -> &'static [u8] {
        b""
    }
    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</value>\n</param>\n</params>\n</methodResponse>\n");
    }
    fn fault(&self, fault: &RpcFault, _: Cause, out: &mut Vec<u8>) {
        out.extend_from_slice(&self::fault(fault));
    }
}

/// A whole reply that is a fault.
pub fn fault(fault: &RpcFault) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(b"<?xml version=\"1.0\"?>\n<methodResponse>\n<fault>\n<value>");
    let members = vec![
        ("faultCode", RpcValue::Int(fault.code.into())),
        ("faultString", RpcValue::Str(fault.reason.clone().into())),
    ];
    value(&RpcValue::Struct(members), &mut out);
    out.extend_from_slice(b"</value>\n</fault>\n</methodResponse>\n");
    out
}

fn element(name: &str, text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("<{name}>").as_bytes());
    escape(text, out);
    out.extend_from_slice(format!("</{name}>").as_bytes());
}

fn value(value: &RpcValue, out: &mut Vec<u8>) {
    match value {
        // The number of the specification has 32 bits.
        RpcValue::Int(n) => {
            let name = if i32::try_from(*n).is_ok() {
                "int"
            } else {
                "i8"
            };
            element(name, n.to_string().as_bytes(), out);
        }
        RpcValue::Bool(b) => element("boolean", if *b { b"1" } else { b"0" }, out),
        RpcValue::Double(n) => element("double", n.to_string().as_bytes(), out),
        RpcValue::Time(n) => {
            let text = format_time(*n, false, Some(b"%Y%m%dT%H:%M:%S"));
            element("dateTime.iso8601", &text, out);
        }
        RpcValue::Str(text) => element("string", text, out),
        RpcValue::Struct(members) => {
            out.extend_from_slice(b"<struct>\n");
            for (name, member) in members {
                out.extend_from_slice(b"<member>");
                element("name", name.as_bytes(), out);
                out.extend_from_slice(b"<value>");
                self::value(member, out);
                out.extend_from_slice(b"</value></member>\n");
            }
            out.extend_from_slice(b"</struct>");
        }
        RpcValue::Array(values) => {
            out.extend_from_slice(b"<array><data>\n");
            for member in values {
                out.extend_from_slice(b"<value>");
                self::value(member, out);
                out.extend_from_slice(b"</value>\n");
            }
            out.extend_from_slice(b"</data></array>");
        }
    }
}

/// What XML cannot hold is replaced; a CR would be read as LF.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '&' => out.extend_from_slice(b"&amp;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            '\t' | '\n' => out.push(c as u8),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => {
                out.extend_from_slice("\u{fffd}".as_bytes())
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_xml() {
        let of = |v: RpcValue| {
            let mut out = Vec::new();
            value(&v, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(of(RpcValue::Int(-5)), "<int>-5</int>");
        assert_eq!(of(RpcValue::Int(1 << 40)), "<i8>1099511627776</i8>");
        assert_eq!(of(RpcValue::Bool(true)), "<boolean>1</boolean>");
        let time = "<dateTime.iso8601>20000229T12:00:01</dateTime.iso8601>";
        assert_eq!(of(RpcValue::Time(951_825_601)), time);
        let text = RpcValue::Str(b"a<&>\r\n\0\xff".to_vec());
        let expected = "<string>a&lt;&amp;&gt;&#13;\n\u{fffd}\u{fffd}</string>";
        assert_eq!(of(text), expected);
        let list = RpcValue::Array(vec![RpcValue::Int(1)]);
        let expected = "<struct>\n<member><name>a</name><value><array><data>\n<value><int>1</int></value>\n</data></array></value></member>\n</struct>";
        assert_eq!(of(RpcValue::Struct(vec![("a", list)])), expected);
    }
}
