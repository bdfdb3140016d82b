//! Changes of the Request-URI.

use super::super::super::ast::ArgValue;
use super::{Args, nodes};
use crate::core::script::{ActionKind, UriOp};

/// The statement; `None`: this is no argument of it.
pub(super) fn edit(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let op = match (nodes(args).as_slice(), command) {
        ([ArgValue::Int(n)], "strip") => UriOp::Strip(usize::try_from(*n).ok()?),
        ([ArgValue::Int(n)], "strip_tail") => UriOp::StripTail(usize::try_from(*n).ok()?),
        ([ArgValue::Str(text)], _) => text_edit(command, text)?,
        _ => return None,
    };
    Some(ActionKind::Uri(op))
}

fn text_edit(command: &str, text: &[u8]) -> Option<UriOp> {
    let text = text.into();
    Some(match command {
        "rewritehost" => UriOp::Host(text),
        "rewritehostport" => UriOp::HostPort(text),
        "rewriteuser" => UriOp::User(text),
        "rewriteuserpass" => UriOp::UserPass(text),
        "rewriteport" => UriOp::Port(text),
        "rewriteuri" => UriOp::Uri(text),
        "prefix" => UriOp::Prefix(text),
        _ => return None,
    })
}
