//! Arguments of a command: their declared types, and what they are once the script is compiled.

use super::Regex;
use crate::core::msg::{AvpSpec, AvpValue, BumpVec, RouteKind, SipMsg};
use std::any::Any;
use std::fmt;
use std::io::Write;

/// The declared type of an argument; tells the checker what is right and the compiler what to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgType {
    /// A number, or a string of digits.
    Int,
    /// Literal text.
    Str,
    /// `$attr`, `@select`, or literal text.
    VarStr,
    /// `$attr`, `@select`, or a number.
    VarInt,
    /// A POSIX extended regular expression (case-insensitive, REG_NEWLINE).
    Regex,
    /// `$attr`.
    Avp,
    /// Text that is a format of module xlog when it holds a `%`.
    Xl,
    /// `/re/replacement/flags`.
    Subst,
    /// Name of a route block of that kind.
    Route(RouteKind),
}

/// A compiled value that needs a message: a select or a format. Made by `core::script`.
pub trait StrValue: Send + Sync {
    /// The text, in the message's arena; `None`: there is no such value.
    fn eval<'a>(&self, msg: &mut SipMsg<'a>) -> Option<&'a [u8]>;
    /// As written in the script.
    fn source(&self) -> &str;
}

/// Text that is literal or depends on the message.
#[allow(missing_docs)]
pub enum VarStr {
    Lit(Box<[u8]>),
    Avp(AvpSpec),
    Select(Box<dyn StrValue>),
    Xl(Box<dyn StrValue>),
}

impl VarStr {
    /// The text for this message, in its arena; `None`: there is no such value.
    pub fn eval<'a>(&'a self, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
        match self {
            VarStr::Lit(text) => Some(text),
            VarStr::Avp(spec) => avp_text(spec, msg),
            VarStr::Select(value) | VarStr::Xl(value) => value.eval(msg),
        }
    }
}

fn avp_text<'a>(spec: &AvpSpec, msg: &SipMsg<'a>) -> Option<&'a [u8]> {
    Some(match msg.avps.lookup(spec)? {
        AvpValue::Str(text) => text,
        AvpValue::Int(n) => digits(msg, n as u32),
    })
}

fn digits<'a>(msg: &SipMsg<'a>, n: impl fmt::Display) -> &'a [u8] {
    let mut out = BumpVec::with_capacity_in(20, msg.arena);
    let written = write!(out, "{n}");
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
    out.into_bump_slice()
}

/// One argument, compiled.
#[allow(missing_docs)]
pub enum Arg {
    Int(i64),
    Str(Box<[u8]>),
    Var(VarStr),
    Regex(Regex),
    Avp(AvpSpec),
    /// A compiled substitution (its type is `core::script`'s), see `ArgType::Subst`.
    Subst(Box<dyn Any + Send + Sync>),
    Route(Box<str>),
    /// Whatever a module's fixup made of it.
    Custom(Box<dyn Any + Send + Sync>),
}

impl fmt::Debug for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Int(n) => write!(f, "{n}"),
            Arg::Str(s) | Arg::Var(VarStr::Lit(s)) => write!(f, "{:?}", String::from_utf8_lossy(s)),
            Arg::Var(VarStr::Select(v) | VarStr::Xl(v)) => write!(f, "{:?}", v.source()),
            Arg::Var(VarStr::Avp(a)) | Arg::Avp(a) => write!(f, "{a:?}"),
            Arg::Regex(re) => write!(f, "{re:?}"),
            Arg::Route(name) => write!(f, "{name}"),
            Arg::Subst(_) => f.write_str("<substitution>"),
            Arg::Custom(_) => f.write_str("<fixup>"),
        }
    }
}

/// The arguments of one call. They live as long as the program.
#[derive(Clone, Copy, Debug)]
pub struct Args(pub &'static [Arg]);

impl Args {
    /// How many were written.
    #[inline]
    pub fn len(self) -> usize {
        self.0.len()
    }
    /// Whether none was written.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
    /// Argument `i` (0-based) as text for this message; `None` when it has no value (missing
    /// attribute, select without value) or is not there.
    pub fn str<'a>(self, i: usize, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
        match self.0.get(i)? {
            Arg::Str(text) => Some(text),
            Arg::Int(n) => Some(digits(msg, n)),
            Arg::Var(value) => value.eval(msg),
            Arg::Avp(spec) => avp_text(spec, msg),
            Arg::Route(name) => Some(name.as_bytes()),
            Arg::Regex(_) | Arg::Subst(_) | Arg::Custom(_) => None,
        }
    }
    /// Argument `i` as number for this message (SER's get_int_fparam: unsigned digits only).
    pub fn int(self, i: usize, msg: &mut SipMsg<'_>) -> Option<i64> {
        match self.0.get(i)? {
            Arg::Int(n) => Some(*n),
            Arg::Var(VarStr::Avp(spec)) | Arg::Avp(spec) => match msg.avps.lookup(spec)? {
                AvpValue::Int(n) => Some(n.into()),
                AvpValue::Str(s) => parse_unsigned(s),
            },
            _ => parse_unsigned(self.str(i, msg)?),
        }
    }
    /// Argument `i` as compiled regular expression.
    pub fn regex(self, i: usize) -> Option<&'static Regex> {
        match self.0.get(i)? {
            Arg::Regex(re) => Some(re),
            _ => None,
        }
    }
    /// Argument `i` as attribute reference.
    pub fn avp(self, i: usize) -> Option<&'static AvpSpec> {
        match self.0.get(i)? {
            Arg::Avp(spec) | Arg::Var(VarStr::Avp(spec)) => Some(spec),
            _ => None,
        }
    }
    /// Argument `i` as what the module's fixup made of it (or the compiled substitution).
    pub fn custom<T: 'static>(self, i: usize) -> Option<&'static T> {
        match self.0.get(i)? {
            Arg::Custom(any) | Arg::Subst(any) => any.downcast_ref(),
            _ => None,
        }
    }
}

fn parse_unsigned(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
