//! What the modules export: functions and parameters, as their tables have them.

use crate::roff::Page;
use ser::core::module::loader::load_module;
use ser::core::module::{ArgType, Command, ModuleExports, Param, ParamKind};
use std::path::PathBuf;

/// The tables of these files, by name.
pub fn load(files: &[PathBuf]) -> Result<Vec<&'static ModuleExports>, String> {
    let load = |file: &PathBuf| {
        let loaded = load_module(&file.to_string_lossy(), "");
        loaded.map(|l| l.exports).map_err(|why| why.to_string())
    };
    let mut modules = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    modules.sort_by_key(|module| module.name);
    Ok(modules)
}

/// A paragraph for each module.
pub fn write(page: &mut Page, modules: &[&ModuleExports]) {
    for module in modules {
        page.subsection(module.name);
        if !module.cmds.is_empty() {
            let calls: Vec<String> = module.cmds.iter().map(call).collect();
            page.item("functions", &calls.join(", "));
        }
        if !module.params.is_empty() {
            let params: Vec<String> = module.params.iter().map(param).collect();
            page.item("parameters", &params.join(", "));
        }
        if module.cmds.is_empty() && module.params.is_empty() {
            page.paragraph("Neither functions nor parameters.");
        }
    }
}

fn call(command: &Command) -> String {
    let args: Vec<&str> = command.params.iter().map(argument).collect();
    format!("`{}`({})", command.name, args.join(", "))
}

fn argument(kind: &ArgType) -> &'static str {
    match kind {
        ArgType::Int => "number",
        ArgType::Str | ArgType::VarStr => "text",
        ArgType::VarInt => "number",
        ArgType::Regex => "regex",
        ArgType::Avp => "$attr",
        ArgType::Xl => "format",
        ArgType::Subst => "/re/replacement/",
        ArgType::Route(_) => "route",
    }
}

fn param(param: &Param) -> String {
    let name = param.name;
    match &param.kind {
        ParamKind::Int(value) if is_mode(name) => format!("`{name}` = 0{:o}", value.get()),
        ParamKind::Int(value) => format!("`{name}` = {}", value.get()),
        ParamKind::Str(value) => match value.get() {
            Some(text) => format!("`{name}` = \"{}\"", String::from_utf8_lossy(text)),
            None => format!("`{name}` (text)"),
        },
        ParamKind::Flag(_) => format!("`{name}` (flag)"),
        ParamKind::IntFn(_) => format!("`{name}` (number)"),
        ParamKind::StrFn(_) => format!("`{name}` (text)"),
    }
}

/// Permissions of a file are shown as they are written.
fn is_mode(name: &str) -> bool {
    name == "mode" || name == "socket_mode"
}
