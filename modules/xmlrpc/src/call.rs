//! A method call from XML (xmlrpc.com/spec).

use chrono::NaiveDateTime;
use roxmltree::{Document, Node};
use ser::core::rpc::{RpcFault, RpcValue};

/// Method and parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    pub method: String,
    /// `None`: a struct or array, which methods do not take.
    pub params: Vec<Option<RpcValue>>,
}

fn bad(why: &str) -> RpcFault {
    RpcFault::new(400, why)
}

impl Call {
    /// Reads a document; the texts of the faults are SER's.
    pub fn parse(body: &[u8]) -> Result<Call, RpcFault> {
        let text = std::str::from_utf8(body).map_err(|_| bad("Malformed Message Body"))?;
        if text.trim().is_empty() {
            return Err(bad("Empty XML-RPC Document"));
        }
        let document = Document::parse(text).map_err(|_| bad("Invalid XML-RPC Document"))?;
        let root = document.root_element();
        if root.tag_name().name() != "methodCall" {
            return Err(bad("Root Element Is Not methodCall"));
        }
        let method = child(root, "methodName").map(|m| text_of(m).trim().to_owned());
        let method = method.filter(|m| !m.is_empty());
        let method = method.ok_or_else(|| bad("Method Name Not Found"))?;
        let params = child(root, "params").map(|params| {
            let all = params.children().filter(|n| n.has_tag_name("param"));
            all.map(parameter).collect()
        });
        Ok(Call {
            method,
            params: params.unwrap_or(Ok(Vec::new()))?,
        })
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name(name))
}

/// All text right below an element; comments divide it.
fn text_of(node: Node<'_, '_>) -> String {
    let pieces = node.children().filter(Node::is_text);
    pieces.filter_map(|n| n.text()).collect()
}

/// A value without a type is a string.
fn parameter(param: Node<'_, '_>) -> Result<Option<RpcValue>, RpcFault> {
    let value = child(param, "value").ok_or_else(|| bad("Empty Parameter Value"))?;
    let Some(typed) = value.children().find(Node::is_element) else {
        return Ok(Some(RpcValue::Str(text_of(value).into_bytes())));
    };
    let text = text_of(typed);
    let kind = typed.tag_name().name();
    let value = match kind {
        "string" => Some(RpcValue::Str(text.into_bytes())),
        "struct" | "array" => return Ok(None),
        _ if text.trim().is_empty() => return Err(bad("Empty Parameter Value")),
        "int" | "i4" | "i8" => text.trim().parse().ok().map(RpcValue::Int),
        "double" => text.trim().parse().ok().map(RpcValue::Double),
        "boolean" => match text.trim() {
            "0" => Some(RpcValue::Bool(false)),
            "1" => Some(RpcValue::Bool(true)),
            _ => None,
        },
        "dateTime.iso8601" => time(text.trim()).map(RpcValue::Time),
        _ => None,
    };
    value.map(Some).ok_or_else(|| bad("Invalid Parameter Type"))
}

/// `YYYYMMDDTHH:MM:SS`, UTC, as Unix time.
fn time(text: &str) -> Option<i64> {
    let read = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H:%M:%S");
    read.ok().map(|time| time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(params: &str) -> Result<Call, RpcFault> {
        let text = format!(
            "<?xml version=\"1.0\"?>\n<methodCall><methodName> a.b </methodName>\n<params>{params}</params></methodCall>"
        );
        Call::parse(text.as_bytes())
    }

    fn one(value: &str) -> Result<Option<RpcValue>, String> {
        let parsed = call(&format!("<param><value>{value}</value></param>"));
        parsed.map_err(|f| f.reason).map(|mut c| c.params.remove(0))
    }

    #[test]
    fn values_of_every_type_are_read() {
        let string = |t: &str| Ok(Some(RpcValue::Str(t.into())));
        assert_eq!(
            one("<string>a &lt;b&gt; &amp; c</string>"),
            string("a <b> & c")
        );
        assert_eq!(one("plain"), string("plain"));
        assert_eq!(one(""), string(""));
        assert_eq!(one("<string/>"), string(""));
        assert_eq!(one("<string><![CDATA[<x>]]></string>"), string("<x>"));
        assert_eq!(one("<int> -5 </int>"), Ok(Some(RpcValue::Int(-5))));
        assert_eq!(one("<i4>7</i4>"), Ok(Some(RpcValue::Int(7))));
        assert_eq!(one("<double>0.5</double>"), Ok(Some(RpcValue::Double(0.5))));
        assert_eq!(one("<boolean>1</boolean>"), Ok(Some(RpcValue::Bool(true))));
        let time = one("<dateTime.iso8601>20000229T12:00:01</dateTime.iso8601>");
        assert_eq!(time, Ok(Some(RpcValue::Time(951_825_601))));
        assert_eq!(one("<array><data/></array>"), Ok(None));
        assert_eq!(call("").unwrap().params, []);
    }

    #[test]
    fn what_is_no_call_is_refused_with_the_texts_of_ser() {
        for bad in [
            "<int>x</int>",
            "<nil>1</nil>",
            "<boolean>2</boolean>",
            "<dateTime.iso8601>2000</dateTime.iso8601>",
        ] {
            assert_eq!(one(bad), Err("Invalid Parameter Type".to_owned()), "{bad}");
        }
        assert_eq!(one("<int></int>"), Err("Empty Parameter Value".to_owned()));
        assert_eq!(
            call("<param/>").unwrap_err().reason,
            "Empty Parameter Value"
        );
        let deep = "<a>".repeat(100_000);
        for (text, reason) in [
            ("", "Empty XML-RPC Document"),
            ("hello", "Invalid XML-RPC Document"),
            ("<methodCall>", "Invalid XML-RPC Document"),
            (
                "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><methodCall/>",
                "Invalid XML-RPC Document",
            ),
            (deep.as_str(), "Invalid XML-RPC Document"),
            ("<methodResponse/>", "Root Element Is Not methodCall"),
            ("<methodCall/>", "Method Name Not Found"),
        ] {
            assert_eq!(Call::parse(text.as_bytes()).unwrap_err().reason, reason);
        }
        assert_eq!(
            Call::parse(b"\xff").unwrap_err().reason,
            "Malformed Message Body"
        );
    }
}
