//! The list `modules`: what is loaded, looked up by commands, parameters and RPC methods.
//!
//! The list grows while ser.cfg is read, in the attendant, before the first fork; after that it is
//! only read. Entries live forever.

use super::{ArgType, Command, ModuleExports, ParamKind, Regex, ResponseFn};
use crate::core::msg::{MAX_FLAG, RouteKind, SipMsg};
use crate::core::rpc::RpcMethod;
use crate::core::stats::metrics;
use parking_lot::RwLock;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

/// One loaded module.
#[derive(Debug)]
pub struct LoadedModule {
    /// The file.
    pub path: PathBuf,
    /// The name in `loadmodule`, which an older generation may have used.
    pub asked: String,
    /// Its tables.
    pub exports: &'static ModuleExports,
}

static MODULES: RwLock<Vec<&'static LoadedModule>> = RwLock::new(Vec::new());

/// Appends to the list.
pub fn register_module(module: LoadedModule) -> &'static LoadedModule {
    metrics::register(module.exports.metrics);
    let module: &'static LoadedModule = Box::leak(Box::new(module));
    MODULES.write().push(module);
    module
}

/// All loaded modules in load order.
pub fn modules() -> Vec<&'static LoadedModule> {
    MODULES.read().clone()
}

/// Whether a module of that exact name is loaded.
pub fn is_loaded(name: &str) -> bool {
    MODULES.read().iter().any(|m| m.exports.name == name)
}

/// What a script's call of `name` with so many arguments finds.
#[derive(Debug)]
pub enum CommandLookup {
    /// This one.
    Found(&'static Command),
    /// It exists, but may not stand in this kind of route block.
    WrongRoute(&'static Command),
    /// It exists with other numbers of arguments.
    WrongArgCount(Vec<usize>),
    /// No module has it.
    Unknown,
}

/// Looks a command up: newest module first, exact name and number of arguments.
pub fn find_command(name: &str, argc: usize, kind: RouteKind) -> CommandLookup {
    let mut wrong_route = None;
    let mut counts = Vec::new();
    for module in modules().iter().rev() {
        for command in module.exports.cmds.iter().filter(|c| c.name == name) {
            if command.params.len() != argc {
                counts.push(command.params.len());
            } else if command.routes.allows(kind) {
                return CommandLookup::Found(command);
            } else {
                wrong_route.get_or_insert(command);
            }
        }
    }
    if let Some(command) = wrong_route {
        return CommandLookup::WrongRoute(command);
    }
    counts.sort_unstable();
    counts.dedup();
    if counts.is_empty() {
        CommandLookup::Unknown
    } else {
        CommandLookup::WrongArgCount(counts)
    }
}

/// The name of the module that has this record.
pub fn module_of(command: &'static Command) -> &'static str {
    let modules = modules();
    let has_it = |m: &&&LoadedModule| m.exports.cmds.iter().any(|c| std::ptr::eq(c, command));
    modules.iter().find(has_it).map_or("", |m| m.exports.name)
}

/// All records of that name, newest module first.
pub fn commands_named(name: &str) -> Vec<&'static Command> {
    let all = modules().into_iter().rev();
    all.flat_map(|m| m.exports.cmds.iter().filter(|c| c.name == name))
        .collect()
}

/// Names of all commands, for suggestions.
pub fn command_names() -> Vec<&'static str> {
    modules()
        .iter()
        .flat_map(|m| m.exports.cmds.iter().map(|c| c.name))
        .collect()
}

/// The value of a `modparam`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum ModParamValue<'v> {
    Int(i64),
    Str(&'v [u8]),
}

/// What a `modparam` sets: of a flag the number that its name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum ParamEffect {
    Int(i64),
    Str(Vec<u8>),
}

impl fmt::Display for ParamEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamEffect::Int(n) => write!(f, "{n}"),
            ParamEffect::Str(text) => write!(f, "\"{}\"", text.escape_ascii()),
        }
    }
}

/// Why a `modparam` was refused.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ModParamError {
    BadRegex(String),
    NoModule,
    /// The module has no such parameter; its parameters for suggestions.
    Unknown {
        module: &'static str,
        known: Vec<&'static str>,
    },
    /// It takes the other type.
    WrongType {
        module: &'static str,
        wants: &'static str,
    },
    /// The module's setter refused the value.
    Refused {
        module: &'static str,
        why: String,
    },
}

/// Sets parameter `name` of every loaded module whose name `modules_re` matches (POSIX ERE, any
/// case, anchored as SER does: `^` before and `$` behind the whole text). With `check_only` types are
/// checked and nothing is set, so that no module code runs. The result: each of these modules with
/// what it comes to.
pub fn set_mod_param(
    modules_re: &[u8],
    name: &[u8],
    value: ModParamValue<'_>,
    check_only: bool,
) -> Result<Vec<(&'static str, ParamEffect)>, ModParamError> {
    let anchored = [b"^", modules_re, b"$"].concat();
    let re = Regex::new(&anchored).map_err(ModParamError::BadRegex)?;
    let mut matched = Vec::new();
    for module in modules().iter().rev().filter(|m| {
        [m.exports.name, &m.asked]
            .iter()
            .any(|name| re.is_match(name.as_bytes()))
    }) {
        let effect = set_one(module.exports, name, value, check_only)?;
        matched.push((module.exports.name, effect));
    }
    if matched.is_empty() {
        return Err(ModParamError::NoModule);
    }
    Ok(matched)
}

fn set_one(
    exports: &'static ModuleExports,
    name: &[u8],
    value: ModParamValue<'_>,
    check_only: bool,
) -> Result<ParamEffect, ModParamError> {
    let module = exports.name;
    let Some(param) = exports.params.iter().find(|p| p.name.as_bytes() == name) else {
        let known = exports.params.iter().map(|p| p.name).collect();
        return Err(ModParamError::Unknown { module, known });
    };
    let refused = |why| ModParamError::Refused { module, why };
    match (param.kind, value) {
        // A name declares its flag, which later lines of the file use: that is no module's business.
        (ParamKind::Flag(place), value) => {
            let number = message_flag(value).map_err(refused)?;
            if !check_only {
                place.set(number);
            }
            return Ok(ParamEffect::Int(number));
        }
        (ParamKind::Int(_) | ParamKind::IntFn(_), ModParamValue::Int(_)) if check_only => {}
        (ParamKind::Str(_) | ParamKind::StrFn(_), ModParamValue::Str(_)) if check_only => {}
        (ParamKind::Int(place), ModParamValue::Int(n)) => place.set(n),
        (ParamKind::IntFn(set), ModParamValue::Int(n)) => set(n).map_err(refused)?,
        (ParamKind::Str(place), ModParamValue::Str(s)) => place.set(s),
        (ParamKind::StrFn(set), ModParamValue::Str(s)) => set(s).map_err(refused)?,
        (ParamKind::Int(_) | ParamKind::IntFn(_), ModParamValue::Str(_)) => {
            let wants = "number";
            return Err(ModParamError::WrongType { module, wants });
        }
        (ParamKind::Str(_) | ParamKind::StrFn(_), ModParamValue::Int(_)) => {
            let wants = "string";
            return Err(ModParamError::WrongType { module, wants });
        }
    }
    Ok(match value {
        ModParamValue::Int(n) => ParamEffect::Int(n),
        ModParamValue::Str(text) => ParamEffect::Str(text.to_vec()),
    })
}

/// Gives a parameter, which was checked, its last value, or its default where there is none.
pub fn change_param(module: &str, name: &str, values: &[ParamEffect]) {
    let all = modules();
    let module = all.iter().find(|m| m.exports.name == module);
    let mut params = module.into_iter().flat_map(|m| m.exports.params);
    let param = params.find(|p| p.name == name).map(|p| p.kind);
    match (param, values.last()) {
        (Some(ParamKind::Int(place) | ParamKind::Flag(place)), Some(ParamEffect::Int(n))) => {
            place.set(*n);
        }
        (Some(ParamKind::Int(place) | ParamKind::Flag(place)), None) => place.reset(),
        (Some(ParamKind::Str(place)), Some(ParamEffect::Str(text))) => place.set(text),
        (Some(ParamKind::Str(place)), None) => place.reset(),
        (kind, value) => log::error!("BUG: parameter {name} ({kind:?}) cannot become {value:?}"),
    }
}

/// Whether a parameter may be changed while the server runs, see [`ModuleExports::live_params`].
pub fn is_live_param(module: &str, name: &str) -> bool {
    let all = modules();
    let module = all.iter().find(|m| m.exports.name == module);
    module.is_some_and(|m| m.exports.live_params.contains(&name))
}

/// Resolves the name of a message flag, declaring it if need be; set by the config floor before
/// modparams are applied.
pub type FlagResolver = fn(&[u8]) -> Result<i64, String>;
static FLAG_RESOLVER: OnceLock<FlagResolver> = OnceLock::new();

/// Gives the registry a way to look message flags up by name (SER's fix_flag).
pub fn set_flag_resolver(resolver: FlagResolver) {
    let _ = FLAG_RESOLVER.set(resolver);
}

/// The flag that a parameter means: its number as it is, or what its name resolves to. Numbers below
/// 0 mean "none" in ways of the module's own.
fn message_flag(value: ModParamValue<'_>) -> Result<i64, String> {
    let number = match value {
        ModParamValue::Int(n) => n,
        ModParamValue::Str(text) => match std::str::from_utf8(text).map(|t| t.trim().parse()) {
            Ok(Ok(n)) => n,
            _ => {
                let resolve = FLAG_RESOLVER.get().ok_or("there are no names of flags")?;
                resolve(text)?
            }
        },
    };
    if number > MAX_FLAG {
        return Err(format!("message flag {number} too high; MAX={MAX_FLAG}"));
    }
    Ok(number)
}

/// Runs every module's `init` in load order. The error names the module.
pub fn init_modules() -> Result<(), String> {
    for module in modules() {
        if let Some(init) = module.exports.init {
            log::debug!("initializing module {}", module.exports.name);
            guarded(module, format_args!("init"), init)?;
        }
    }
    Ok(())
}

/// Runs every module's `child_init(rank)` in load order.
pub fn init_child(rank: i32) -> Result<(), String> {
    for module in modules() {
        if let Some(child_init) = module.exports.child_init {
            guarded(module, format_args!("child_init({rank})"), || {
                child_init(rank)
            })?;
        }
    }
    Ok(())
}

/// Runs every module's `destroy`, newest first; errors are logged.
pub fn destroy_modules() {
    for module in modules().iter().rev() {
        if let Some(destroy) = module.exports.destroy
            && let Err(why) = guarded(module, format_args!("destroy"), destroy)
        {
            log::error!("{why}");
        }
    }
}

/// Runs a function of a module; one that panics has failed.
fn guarded(
    module: &LoadedModule,
    what: std::fmt::Arguments<'_>,
    f: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let name = module.exports.name;
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|why| format!("{what} of module {name} failed: {why}")),
        Err(_) => Err(format!("{what} of module {name} panicked")),
    }
}

/// The functions called per message, newest module first; fixed at the first use (after loading).
static RESPONSE: OnceLock<Vec<ResponseFn>> = OnceLock::new();
static ONBREAK: OnceLock<Vec<super::MsgFn>> = OnceLock::new();

/// Hands a reply to the modules, newest first; 0: one of them took it.
pub fn run_response(msg: &mut SipMsg<'_>) -> i32 {
    let all = RESPONSE.get_or_init(|| {
        modules()
            .iter()
            .rev()
            .filter_map(|m| m.exports.response)
            .collect()
    });
    for response in all {
        if response(msg) == 0 {
            return 0;
        }
    }
    1
}

/// Tells the modules, newest first, that the script ended with 0.
pub fn run_onbreak(msg: &mut SipMsg<'_>) {
    let all = ONBREAK.get_or_init(|| {
        modules()
            .iter()
            .rev()
            .filter_map(|m| m.exports.onbreak)
            .collect()
    });
    for onbreak in all {
        onbreak(msg);
    }
}

/// All RPC methods of modules, newest module first.
pub fn rpc_methods() -> Vec<&'static RpcMethod> {
    modules()
        .iter()
        .rev()
        .flat_map(|m| m.exports.rpc_methods)
        .collect()
}

/// Number and types of the arguments of a command as text, for messages: `sl_send_reply(code, text)`.
pub fn signature(command: &Command) -> String {
    let words = command.params.iter().map(|p| match p {
        ArgType::Int => "number",
        ArgType::Str => "string",
        ArgType::VarStr => "string|$attr|@select",
        ArgType::VarInt => "number|$attr|@select",
        ArgType::Regex => "regex",
        ArgType::Avp => "$attr",
        ArgType::Xl => "format",
        ArgType::Subst => "/re/text/flags",
        ArgType::Route(_) => "route",
    });
    format!("{}({})", command.name, words.collect::<Vec<_>>().join(", "))
}
