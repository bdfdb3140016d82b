//! `modparam`: values for modules; of missing modules, and under names of older generations.

use super::Loader;
use crate::core::config::ast::{Literal, Spanned};
use crate::core::config::catalog;
use crate::core::config::diagnostics::Diagnostics;
use crate::core::config::retired::{self, Fate};
use crate::core::module::registry::{self, ModParamError, ModParamValue};
use crate::core::script;

impl Loader<'_> {
    pub(super) fn mod_param(
        &mut self,
        modules: &Spanned<Vec<u8>>,
        name: &Spanned<Vec<u8>>,
        value: &Spanned<Literal>,
    ) {
        let why = match self.set(modules, &name.node, value) {
            Ok(()) => return,
            Err(why) => why,
        };
        if why == ModParamError::NoModule && self.compiler.missing.matches(&modules.node) {
            declare_flag_of_missing_module(name, value);
            return;
        }
        if let ModParamError::Unknown { module, .. } = why
            && let Some(fate) = retired::parameter(module, &String::from_utf8_lossy(&name.node))
        {
            self.retired_param(fate, module, modules, name, value);
            return;
        }
        report(why, modules, name, value, self.compiler.found);
    }

    fn set(
        &mut self,
        modules: &Spanned<Vec<u8>>,
        name: &[u8],
        value: &Spanned<Literal>,
    ) -> Result<(), ModParamError> {
        let literal = match &value.node {
            Literal::Int(n) => ModParamValue::Int(*n),
            Literal::Str(text) => ModParamValue::Str(text),
        };
        let set = registry::set_mod_param(&modules.node, name, literal, self.check_only())?;
        for (module, shown) in set {
            self.facts.mod_param(module, name, shown, value.span);
        }
        Ok(())
    }

    /// A parameter of an older generation.
    fn retired_param(
        &mut self,
        fate: Fate,
        module: &str,
        modules: &Spanned<Vec<u8>>,
        name: &Spanned<Vec<u8>>,
        value: &Spanned<Literal>,
    ) {
        let shown = String::from_utf8_lossy(&name.node);
        let warning = match fate {
            Fate::NoEffect(why) => format!("{shown} of {module}: the value has no effect: {why}"),
            Fate::Renamed(new) => format!("{shown} of {module} is called {new} now"),
            Fate::Gone(instead) => {
                let text = format!("Can't set module parameter: module {module} has no {shown}");
                self.compiler.found.error(name.span, text).help(instead);
                return;
            }
        };
        self.compiler.found.warning(name.span, warning);
        if let Fate::Renamed(new) = fate {
            let name = Spanned {
                node: new.as_bytes().to_vec(),
                span: name.span,
            };
            if let Err(why) = self.set(modules, &name.node, value) {
                report(why, modules, &name, value, self.compiler.found);
            }
        }
    }
}

fn report(
    why: ModParamError,
    modules: &Spanned<Vec<u8>>,
    name: &Spanned<Vec<u8>>,
    value: &Spanned<Literal>,
    found: &mut Diagnostics,
) {
    let shown = String::from_utf8_lossy(&modules.node);
    let param = String::from_utf8_lossy(&name.node);
    let (span, what) = match &why {
        ModParamError::NoModule => (modules.span, format!("no module {shown} is loaded")),
        ModParamError::BadRegex(why) => (modules.span, format!("bad module name: {why}")),
        ModParamError::Unknown { module, .. } => {
            (name.span, format!("module {module} has no {param}"))
        }
        ModParamError::WrongType { module, wants } => {
            (value.span, format!("{param} of {module} is a {wants}"))
        }
        ModParamError::Refused { module, why } => {
            (value.span, format!("{param} of {module}: {why}"))
        }
    };
    let error = found.error(span, format!("Can't set module parameter: {what}"));
    match why {
        ModParamError::NoModule => {
            if catalog::is_module(&shown) {
                error.help(format!("loadmodule \"{shown}\" must stand above"));
            }
            let loaded = registry::modules().into_iter().map(|m| m.exports.name);
            error.suggest(&shown, loaded.chain(catalog::modules()));
        }
        ModParamError::Unknown { known, .. } => error.suggest(&param, known),
        ModParamError::BadRegex(_)
        | ModParamError::WrongType { .. }
        | ModParamError::Refused { .. } => {}
    }
}

/// `name` or `name:number` of a message flag; a name that is not known yet is declared (SER's fix_flag).
pub(super) fn flag_of_modparam(text: &[u8]) -> Result<i64, String> {
    let text = String::from_utf8_lossy(text);
    let bad = || format!("bad message flag \"{text}\": it is a number, a name, or name:number");
    let (name, number) = match text.split_once(':') {
        None => (text.trim(), None),
        Some((name, number)) => {
            let number = number.trim().parse::<i64>().map_err(|_| bad())?;
            (name.trim(), Some(number))
        }
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(word) {
        return Err(bad());
    }
    if let Some(known) = script::flag_number(name).map(i64::from) {
        if number.is_some_and(|n| n != known) {
            log::warn!("WARNING: fix_flag: flag {name} is {known} already, not as in \"{text}\"");
        }
        return Ok(known);
    }
    script::declare_flag(name, number)?;
    script::flag_number(name).map(i64::from).ok_or_else(bad)
}

/// The module would have declared it; the routes may use it.
fn declare_flag_of_missing_module(name: &Spanned<Vec<u8>>, value: &Spanned<Literal>) {
    let Literal::Str(text) = &value.node else {
        return;
    };
    if name.node.windows(4).any(|w| w == b"flag") {
        // What cannot be declared is reported where it is used.
        let _ = flag_of_modparam(text);
    }
}
