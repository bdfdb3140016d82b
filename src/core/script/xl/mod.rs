//! The formats of module xlog: text with `%` specifiers that a message fills in.
//!
//! `spec` knows the letters, `parse` compiles a format, `value`, `branches` and `header` write what a
//! specifier stands for.

mod branches;
mod header;
mod parse;
mod spec;
mod value;

use super::{Select, SelectResult};
use crate::core::forward::text::push_number;
use crate::core::module::StrValue;
use crate::core::msg::{AvpSpec, AvpValue, BumpVec, SipMsg};
use header::{HeaderIndex, header};
use spec::Spec;
use value::write_spec;

/// What is written where there is no value.
const NULL: &[u8] = b"<null>";

/// A compiled format.
pub struct XlFormat {
    source: String,
    pieces: Vec<Piece>,
    /// A color was set and is reset at the end.
    colored: bool,
}

enum Piece {
    Text(Vec<u8>),
    Spec(Spec),
    Header { name: Vec<u8>, index: HeaderIndex },
    Avp(AvpSpec),
    Select(Select),
    Null,
}

impl XlFormat {
    /// The text without specifiers, if it has none.
    pub fn literal(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the filled-in text.
    pub fn write<'a>(&self, msg: &mut SipMsg<'a>, out: &mut BumpVec<'a, u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice_copy(text),
                Piece::Null => out.extend_from_slice_copy(NULL),
                Piece::Spec(spec) => {
                    let start = out.len();
                    if write_spec(*spec, msg, out).is_none() {
                        out.truncate(start);
                        out.extend_from_slice_copy(NULL);
                    }
                }
                Piece::Header { name, index } => match header(msg, name, *index) {
                    Some(text) => out.extend_from_slice_copy(text),
                    None => out.extend_from_slice_copy(NULL),
                },
                Piece::Avp(spec) => match msg.avps.lookup(spec) {
                    Some(AvpValue::Str(text)) => out.extend_from_slice_copy(text),
                    Some(AvpValue::Int(n)) => push_number(out, (n as u32).into()),
                    None => out.extend_from_slice_copy(NULL),
                },
                Piece::Select(select) => match select.get(msg) {
                    SelectResult::Value(text) => out.extend_from_slice_copy(text),
                    SelectResult::Null => out.extend_from_slice_copy(NULL),
                    SelectResult::Error => {}
                },
            }
        }
        if self.colored {
            out.extend_from_slice_copy(b"\x1b[0m");
        }
    }
}

impl StrValue for XlFormat {
    fn eval<'a>(&self, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
        let mut out = BumpVec::with_capacity_in(128, msg.arena);
        self.write(msg, &mut out);
        Some(out.into_bump_slice())
    }
    fn source(&self) -> &str {
        &self.source
    }
}
