//! Reads a ser.cfg: assignments, modules and their parameters take effect in the order of the file,
//! route blocks become a program.

use super::ast::{File, FlagDecl, Item, Literal, Spanned};
use super::compile::Compiler;
use super::diagnostics::{Diagnostics, SourceFile};
use super::params::{self, Target};
use crate::core::module::loader::{LoadError, load_module};
use crate::core::module::registry::{self, ModParamError, ModParamValue};
use crate::core::script::{self, Program};

/// What a file comes to. It may be used only if [`Diagnostics::errors`] is 0.
#[derive(Debug)]
pub struct Loaded {
    /// Values of core parameters.
    pub target: Target,
    /// The routes.
    pub program: Program,
    /// Findings, in order of place.
    pub found: Diagnostics,
}

/// Reads the text of a file. With `check_only` no function of a module runs to take a parameter.
pub fn load(source: &SourceFile, check_only: bool) -> Loaded {
    let (file, mut found) = super::parse(&source.bytes);
    registry::set_flag_resolver(resolve_flag);
    let mut target = Target::default();
    let mut missing = Vec::new();
    let mut compiler = Compiler::new(&source.bytes, &mut found);
    for item in &file.items {
        match item {
            Item::Assign { name, values } => {
                params::assign(name, values, &mut target, compiler.found);
            }
            Item::Flags(flags) => declare_flags(flags, compiler.found),
            Item::AvpFlags(names) => declare_avp_flags(names, compiler.found),
            Item::LoadModule(spec) => {
                if let Some(name) = load_one(spec, &target.mpath, compiler.found) {
                    missing.push(name);
                    compiler.modules_missing = true;
                }
            }
            Item::ModParam {
                modules,
                name,
                value,
            } => {
                mod_param(modules, name, value, check_only, &missing, compiler.found);
            }
            Item::Route(block) => compiler.block(block),
        }
    }
    warn_of_no_route(&file, &mut compiler);
    let program = compiler.finish();
    Loaded {
        target,
        program,
        found,
    }
}

fn warn_of_no_route(file: &File, compiler: &mut Compiler<'_>) {
    let is_main = |item: &Item| {
        matches!(item, Item::Route(b) if b.kind == crate::core::msg::RouteKind::Request
            && b.name.as_ref().is_none_or(|n| n.node == "0"))
    };
    if compiler.found.errors() == 0 && !file.items.iter().any(is_main) {
        log::info!("there is no route block: requests are dropped");
    }
}

/// `name` or `name:number` of a message flag; a name that is not known yet is declared (SER's fix_flag).
fn resolve_flag(text: &[u8]) -> Result<i64, String> {
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

fn declare_flags(flags: &[FlagDecl], found: &mut Diagnostics) {
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

fn declare_avp_flags(names: &[Spanned<String>], found: &mut Diagnostics) {
    for name in names {
        if let Err(why) = script::declare_avp_flag(&name.node) {
            found.error(name.span, format!("cannot declare avpflag: {why}"));
        }
    }
}

/// Loads a module; the name of one that cannot be loaded.
fn load_one(spec: &Spanned<Vec<u8>>, mpath: &str, found: &mut Diagnostics) -> Option<String> {
    let text = String::from_utf8_lossy(&spec.node);
    match load_module(&text, mpath) {
        Ok(_) => None,
        // It is there: nothing that follows is unknown for this reason.
        Err(why @ LoadError::AlreadyLoaded { .. }) => {
            found.error(spec.span, format!("failed to load module: {why}"));
            None
        }
        Err(why) => {
            found.error(spec.span, format!("failed to load module: {why}"));
            let file = text.rsplit('/').next().unwrap_or(&text);
            Some(file.trim_end_matches(".so").to_owned())
        }
    }
}

fn mod_param(
    modules: &Spanned<Vec<u8>>,
    name: &Spanned<Vec<u8>>,
    value: &Spanned<Literal>,
    check_only: bool,
    missing: &[String],
    found: &mut Diagnostics,
) {
    let literal = match &value.node {
        Literal::Int(n) => ModParamValue::Int(*n),
        Literal::Str(text) => ModParamValue::Str(text),
    };
    let Err(why) = registry::set_mod_param(&modules.node, &name.node, literal, check_only) else {
        return;
    };
    let shown = String::from_utf8_lossy(&modules.node);
    let param = String::from_utf8_lossy(&name.node);
    match why {
        ModParamError::NoModule if concerns(&modules.node, missing) => {}
        ModParamError::NoModule => {
            found
                .error(
                    modules.span,
                    format!("Can't set module parameter: no module {shown} is loaded"),
                )
                .suggest(&shown, registry::modules().iter().map(|m| m.exports.name));
        }
        ModParamError::BadRegex(why) => {
            found.error(
                modules.span,
                format!("Can't set module parameter: bad module name: {why}"),
            );
        }
        ModParamError::Unknown { module, known } => {
            found
                .error(
                    name.span,
                    format!("Can't set module parameter: module {module} has no {param}"),
                )
                .suggest(&param, known);
        }
        ModParamError::WrongType { module, wants } => {
            let text = format!("Can't set module parameter: {param} of {module} is a {wants}");
            found.error(value.span, text);
        }
        ModParamError::Refused { module, why } => {
            let text = format!("Can't set module parameter: {param} of {module}: {why}");
            found.error(value.span, text);
        }
    }
}

/// Whether a modparam is for a module whose absence has been reported already.
fn concerns(modules_re: &[u8], missing: &[String]) -> bool {
    let anchored = [b"^", modules_re, b"$"].concat();
    crate::core::module::Regex::new(&anchored)
        .is_ok_and(|re| missing.iter().any(|name| re.is_match(name.as_bytes())))
}
