//! `flags`, `avpflags`, and variables.

use crate::core::config::ast::{FlagDecl, Literal, Spanned};
use crate::core::config::diagnostics::Diagnostics;
use crate::core::script;

pub(super) fn variable(
    group: &Spanned<String>,
    name: &Spanned<String>,
    value: &Spanned<Literal>,
    found: &mut Diagnostics,
) {
    let text = match &value.node {
        Literal::Int(n) => n.to_string().into_bytes(),
        Literal::Str(text) => text.clone(),
    };
    if !script::declare_variable(&group.node, &name.node, text) {
        let span = group.span;
        let text = format!("{}.{} is declared already", group.node, name.node);
        found.error(span, text);
    }
}

pub(super) fn flags(flags: &[FlagDecl], found: &mut Diagnostics) {
    for flag in flags {
        let number = flag.number.as_ref();
        match script::declare_flag(&flag.name.node, number.map(|n| n.node)) {
            Ok(false) => {}
            Ok(true) => {
                let n = number.map_or(0, |n| n.node);
                found.warning(
                    flag.name.span,
                    format!("message flag {n} has several names"),
                );
            }
            Err(why) => {
                let span = number.map_or(flag.name.span, |n| n.span);
                found.error(span, format!("bad flag value: {why}"));
            }
        }
    }
}

pub(super) fn avp_flags(names: &[Spanned<String>], found: &mut Diagnostics) {
    for name in names {
        if let Err(why) = script::declare_avp_flag_of_file(&name.node) {
            found.error(name.span, format!("cannot declare avpflag: {why}"));
        }
    }
}
