//! Writing packets.

use super::{ARRAY, DOUBLE, INT, Kind, MAGIC, NAME, STRING, STRUCT};
use crate::core::rpc::RpcValue;

/// Writes the records of a body.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty body.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Bytes written until now.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// An integer; one that 32 bits do not hold, sign included, is written as text.
    pub fn int(&mut self, n: i64) {
        match i32::try_from(n) {
            Err(_) => self.string(n.to_string().as_bytes()),
            Ok(n) if n < 0 => self.sized(INT, &n.to_be_bytes()),
            Ok(n) => self.sized(INT, minimal(&n.to_be_bytes())),
        }
    }

    /// A string.
    pub fn string(&mut self, text: &[u8]) {
        self.text(STRING, text);
    }

    /// The name of a member; its value is to follow.
    pub fn name(&mut self, name: &[u8]) {
        self.text(NAME, name);
    }

    /// Any value. Numbers with a fraction are cut to thousandths; large ones are written as text.
    pub fn value(&mut self, value: &RpcValue) {
        match value {
            RpcValue::Int(n) | RpcValue::Time(n) => self.int(*n),
            RpcValue::Bool(b) => self.int((*b).into()),
            RpcValue::Double(n) => self.double(*n),
            RpcValue::Str(text) => self.string(text),
            RpcValue::Struct(members) => {
                self.out.push(STRUCT);
                members.iter().for_each(|(name, v)| self.member(name, v));
                self.out.push(0x80 | STRUCT);
            }
            RpcValue::Array(values) => {
                self.out.push(ARRAY);
                values.iter().for_each(|value| self.value(value));
                self.out.push(0x80 | ARRAY);
            }
        }
    }

    /// A member of a struct. Those that are arrays become several members of one name: `sercmd` and `kamcmd` take a
    /// packet with an array in a struct for a bad one.
    fn member(&mut self, name: &str, value: &RpcValue) {
        match value {
            RpcValue::Array(values) => values.iter().for_each(|v| self.member(name, v)),
            value => {
                self.name(name.as_bytes());
                self.value(value);
            }
        }
    }

    fn double(&mut self, n: f64) {
        let exact = n * 1000.0;
        if exact.is_nan() || exact.abs() > f64::from(i32::MAX) {
            return self.string(n.to_string().as_bytes());
        }
        let thousandths = exact as i32;
        if thousandths < 0 {
            self.sized(DOUBLE, &thousandths.to_be_bytes());
        } else {
            self.sized(DOUBLE, minimal(&thousandths.to_be_bytes()));
        }
    }

    fn sized(&mut self, kind: u8, value: &[u8]) {
        self.out.push((value.len() as u8) << 4 | kind);
        self.out.extend_from_slice(value);
    }

    fn text(&mut self, kind: u8, text: &[u8]) {
        let len = text.len() + 1;
        if len < 8 {
            self.out.push((len as u8) << 4 | kind);
        } else {
            let bytes = (len as u32).to_be_bytes();
            let bytes = minimal(&bytes);
            self.out.push(0x80 | (bytes.len() as u8) << 4 | kind);
            self.out.extend_from_slice(bytes);
        }
        self.out.extend_from_slice(text);
        self.out.push(0);
    }

    /// The body.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Without leading zeros.
fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    &bytes[zeros..]
}

/// A packet around a body, length and cookie as short as possible.
pub fn packet(kind: Kind, cookie: u32, body: &[u8]) -> Vec<u8> {
    let (length, cookie) = ((body.len() as u32).to_be_bytes(), cookie.to_be_bytes());
    let at_least_one = |bytes: &[u8; 4]| minimal(bytes).len().max(1);
    let (length_bytes, cookie_bytes) = (at_least_one(&length), at_least_one(&cookie));
    let mut out = Vec::with_capacity(body.len() + 10);
    out.push(MAGIC);
    out.push((kind as u8) << 4 | (length_bytes as u8 - 1) << 2 | (cookie_bytes as u8 - 1));
    out.extend_from_slice(&length[4 - length_bytes..]);
    out.extend_from_slice(&cookie[4 - cookie_bytes..]);
    out.extend_from_slice(body);
    out
}
