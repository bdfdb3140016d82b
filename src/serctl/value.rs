//! A value of a reply. BINRPC carries integers of 32 bits; larger numbers come as text and are read as numbers here.

use crate::Failure;
use ser::core::rpc::binrpc::{Error, Reader, Record};
use std::fmt;

/// A value of a reply.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Value {
    Int(i64),
    Double(f64),
    /// Bytes that are no UTF-8 are replaced: all of it is shown to people.
    Str(String),
    /// Members in the order of the reply.
    Struct(Vec<(String, Value)>),
    Array(Vec<Value>),
    /// A line of the line protocol: it does not say what it is.
    Line {
        /// Without its escapes.
        text: String,
        /// What it holds if it is a struct.
        members: Vec<(String, Value)>,
    },
}

impl Value {
    /// A line of the line protocol, where structs are `name:value,name:value`.
    pub(crate) fn of_line(line: &str) -> Value {
        let member = |part: &str| {
            let (name, value) = part.split_once(':')?;
            let value = Value::Str(unescaped(value));
            Some((unescaped(name), value))
        };
        let members: Option<Vec<_>> = line.split(',').map(member).collect();
        Value::Line {
            text: unescaped(line),
            members: members.unwrap_or_default(),
        }
    }

    /// The members of a struct.
    pub fn members(&self) -> &[(String, Value)] {
        match self {
            Value::Struct(members) | Value::Line { members, .. } => members,
            _ => &[],
        }
    }

    /// The member of a struct.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.members().iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value)
    }

    /// A whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Str(text) | Value::Line { text, .. } => text.parse().ok(),
            _ => None,
        }
    }

    /// A number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Double(n) => Some(*n),
            Value::Str(text) | Value::Line { text, .. } => text.parse().ok(),
            _ => None,
        }
    }

    /// A text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) | Value::Line { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The member that must be there, as a whole number.
    pub fn int(&self, name: &str) -> Result<i64, Failure> {
        let member = self.get(name).and_then(Value::as_int);
        member.ok_or_else(|| missing(name))
    }

    /// The member that must be there, as a number.
    pub fn f64(&self, name: &str) -> Result<f64, Failure> {
        let member = self.get(name).and_then(Value::as_f64);
        member.ok_or_else(|| missing(name))
    }

    /// The member that must be there, as text.
    pub fn str(&self, name: &str) -> Result<&str, Failure> {
        let member = self.get(name).and_then(Value::as_str);
        member.ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> Failure {
    Failure::Other(format!(
        "the server's reply has no {name}: it may be another version than serctl"
    ))
}

/// As sercmd shows it: a struct in braces, a member a line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self, 0, f)
    }
}

fn show(value: &Value, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let indent = "\t".repeat(depth + 1);
    match value {
        Value::Int(n) => write!(f, "{n}"),
        Value::Double(n) => write!(f, "{n:.6}"),
        Value::Str(text) | Value::Line { text, .. } => f.write_str(text),
        Value::Struct(members) => {
            writeln!(f, "{{")?;
            for (name, value) in members {
                write!(f, "{indent}{name}: ")?;
                show(value, depth + 1, f)?;
                writeln!(f)?;
            }
            write!(f, "{}}}", &indent[1..])
        }
        Value::Array(values) => {
            writeln!(f, "[")?;
            for value in values {
                f.write_str(&indent)?;
                show(value, depth + 1, f)?;
                writeln!(f)?;
            }
            write!(f, "{}]", &indent[1..])
        }
    }
}

/// Deepest nesting that is read; no server sends so much.
const MAX_DEPTH: u32 = 32;

/// The next value of a body.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Value, Error> {
    let record = reader.next()?;
    value_of(record, reader, 0)
}

fn value_of(record: Record<'_>, reader: &mut Reader<'_>, depth: u32) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::BadRecord);
    }
    Ok(match record {
        Record::Int(n) => Value::Int(n),
        Record::Double(n) => Value::Double(n),
        Record::Str(text) | Record::Bytes(text) => Value::Str(lossy(text)),
        Record::StructStart => Value::Struct(members(reader, depth + 1)?),
        Record::ArrayStart => Value::Array(elements(reader, depth + 1)?),
        Record::StructEnd | Record::ArrayEnd | Record::Name(_) => return Err(Error::WrongType),
    })
}

fn members(reader: &mut Reader<'_>, depth: u32) -> Result<Vec<(String, Value)>, Error> {
    let mut members = Vec::new();
    loop {
        match reader.next()? {
            Record::StructEnd => return Ok(members),
            Record::Name(name) => {
                let record = reader.next()?;
                members.push((lossy(name), value_of(record, reader, depth)?));
            }
            _ => return Err(Error::WrongType),
        }
    }
}

fn elements(reader: &mut Reader<'_>, depth: u32) -> Result<Vec<Value>, Error> {
    let mut values = Vec::new();
    loop {
        match reader.next()? {
            Record::ArrayEnd => return Ok(values),
            record => values.push(value_of(record, reader, depth)?),
        }
    }
}

/// The escapes that the server writes.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('0') => '\0',
                Some('o') => ':',
                Some('c') => ',',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    out
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::rpc::RpcValue;
    use ser::core::rpc::binrpc::Writer;

    fn back(value: &RpcValue) -> Value {
        let mut body = Writer::new();
        body.value(value);
        read(&mut Reader::new(&body.finish())).unwrap()
    }

    #[test]
    fn a_struct_in_a_struct_is_read_and_shown_as_sercmd_does() {
        let inner = RpcValue::Struct(vec![("b", RpcValue::Double(0.5))]);
        let value = back(&RpcValue::Struct(vec![
            ("a", RpcValue::Int(1)),
            ("in", inner),
        ]));
        assert_eq!(value.int("a"), Ok(1));
        assert_eq!(value.get("in").unwrap().f64("b"), Ok(0.5));
        assert_eq!(
            value.to_string(),
            "{\n\ta: 1\n\tin: {\n\t\tb: 0.500000\n\t}\n}"
        );
    }

    #[test]
    fn numbers_that_came_as_text_are_numbers() {
        let value = back(&RpcValue::Struct(vec![("n", RpcValue::Int(1 << 40))]));
        assert_eq!(value.int("n"), Ok(1 << 40));
        assert!(value.int("m").is_err());
    }

    #[test]
    fn a_line_is_a_struct_where_it_is_read_as_one() {
        let value = Value::of_line(r"uptime:268,desc:receiver @ 127.0.0.1\o5060 \c x");
        assert_eq!(value.int("uptime"), Ok(268));
        assert_eq!(value.str("desc"), Ok("receiver @ 127.0.0.1:5060 , x"));
        let value = Value::of_line("sip:bob@h");
        assert_eq!(value.to_string(), "sip:bob@h");
        assert_eq!(Value::of_line("-1").as_int(), Some(-1));
    }

    #[test]
    fn a_body_that_ends_inside_of_a_struct_is_an_error() {
        assert!(read(&mut Reader::new(&[0x04; 100_000])).is_err());
        for body in [&[0x03][..], &[0x04], &[0x83], &[0x03, 0x10, 0x01, 0x83]] {
            assert!(read(&mut Reader::new(body)).is_err(), "{body:?}");
        }
    }
}
