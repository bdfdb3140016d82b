//! `module_exports`: what a module hands to the core (SER's sr_module.h).

use super::{Arg, ArgType, Args, IntParam, StrParam};
use crate::core::msg::{RouteKind, SipMsg};
use crate::core::rpc::RpcMethod;
use crate::core::stats::metrics::Family;

/// A script command. Result: positive true, negative false, 0 stops the script.
pub type CmdFn = for<'a> fn(&mut SipMsg<'a>, Args) -> i32;
/// Runs once per use of a command, after all `init`, before the first fork; may replace arguments.
pub type FixupFn = fn(&mut [Arg]) -> Result<(), String>;
/// `init`, `destroy`.
pub type ModuleFn = fn() -> Result<(), String>;
/// `onbreak`.
pub type MsgFn = for<'a> fn(&mut SipMsg<'a>);
/// `response`: 0 swallows the reply, positive goes on.
pub type ResponseFn = for<'a> fn(&mut SipMsg<'a>) -> i32;
/// `child_init(rank)`.
pub type ChildInit = fn(i32) -> Result<(), String>;

/// The route blocks a command may stand in: bits of [`RouteKind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteMask(pub u8);

#[allow(missing_docs)]
impl RouteMask {
    pub const NONE: RouteMask = RouteMask(0);
    pub const R: RouteMask = RouteMask(RouteKind::Request as u8);
    pub const F: RouteMask = RouteMask(RouteKind::Failure as u8);
    pub const O: RouteMask = RouteMask(RouteKind::OnReply as u8);
    pub const B: RouteMask = RouteMask(RouteKind::Branch as u8);
    pub const S: RouteMask = RouteMask(RouteKind::OnSend as u8);
    pub const RF: RouteMask = Self::R.or(Self::F);
    pub const RFO: RouteMask = Self::RF.or(Self::O);
    pub const RFOB: RouteMask = Self::RFO.or(Self::B);
    pub const ALL: RouteMask = Self::RFOB.or(Self::S);

    /// Both.
    pub const fn or(self, other: RouteMask) -> RouteMask {
        RouteMask(self.0 | other.0)
    }
    /// Whether `kind` is among them.
    pub const fn allows(self, kind: RouteKind) -> bool {
        self.0 & kind as u8 != 0
    }
}

/// One script command. Several records may share a name and differ in `params.len()`.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Name in the script.
    pub name: &'static str,
    /// What runs.
    pub func: CmdFn,
    /// Types of the arguments; the core checks and compiles them.
    pub params: &'static [ArgType],
    /// Further checks and preparation by the module.
    pub fixup: Option<FixupFn>,
    /// Where it may be called.
    pub routes: RouteMask,
}

/// How a module parameter is set.
#[derive(Clone, Copy, Debug)]
pub enum ParamKind {
    /// Number.
    Int(&'static IntParam),
    /// String.
    Str(&'static StrParam),
    /// Number of a message flag, or its name from a `flags` line.
    Flag(&'static IntParam),
    /// A function that gets each number.
    IntFn(fn(i64) -> Result<(), String>),
    /// A function that gets each string.
    StrFn(fn(&[u8]) -> Result<(), String>),
}

/// One module parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name in `modparam`.
    pub name: &'static str,
    /// Type and place.
    pub kind: ParamKind,
}

/// The third of the three symbols of a module. Version fields come first, so that they can be read
/// whatever the rest looks like; the loader compares them before it touches anything else.
#[repr(C)]
#[derive(Debug)]
pub struct ModuleExports {
    /// [`super::version::BUILD_ID`] of the core that the module was compiled against.
    pub build_id: &'static str,
    /// Address of [`super::version::CORE`] as the module sees it: the same one if there is one core.
    pub core: &'static u8,
    /// Name of the module.
    pub name: &'static str,
    /// Script commands.
    pub cmds: &'static [Command],
    /// RPC methods.
    pub rpc_methods: &'static [RpcMethod],
    /// What it can tell of itself.
    pub metrics: &'static [Family],
    /// Parameters.
    pub params: &'static [Param],
    /// Those of them, [`ParamKind::Int`], [`ParamKind::Str`] or [`ParamKind::Flag`], that the module reads each time it
    /// needs them, never in `init` alone: another ser.cfg may change them while the server runs. Whatever value the
    /// type allows must be good for something, because `init` does not see it.
    pub live_params: &'static [&'static str],
    /// When it is loaded, before any route that follows it is compiled: for selects.
    pub register: Option<fn()>,
    /// Once, in the attendant, before the first fork.
    pub init: Option<ModuleFn>,
    /// For each reply that core forwarding sees.
    pub response: Option<ResponseFn>,
    /// At exit, in the attendant.
    pub destroy: Option<ModuleFn>,
    /// When the outermost action list ended with 0.
    pub onbreak: Option<MsgFn>,
    /// In each process after its fork.
    pub child_init: Option<ChildInit>,
}

impl ModuleExports {
    /// A module that exports nothing; the base for `module!`.
    pub const fn empty(name: &'static str) -> ModuleExports {
        ModuleExports {
            build_id: super::version::BUILD_ID,
            core: &super::version::CORE,
            name,
            cmds: &[],
            rpc_methods: &[],
            metrics: &[],
            params: &[],
            live_params: &[],
            register: None,
            init: None,
            response: None,
            destroy: None,
            onbreak: None,
            child_init: None,
        }
    }
}
