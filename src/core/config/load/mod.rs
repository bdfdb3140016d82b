//! Reads a ser.cfg: assignments, modules and their parameters take effect in the order of the file,
//! route blocks become a program.

mod declare;
mod modparam;

use super::ast::{File, Item, Spanned};
use super::catalog;
use super::compile::Compiler;
use super::diagnostics::{Diagnostics, SourceFile};
use super::facts::Facts;
use super::params::{self, Target};
use crate::core::module::loader::{LoadError, installed, load_module, module_name, running_module};
use crate::core::module::registry;
use crate::core::module::retired::{Fate, fate};
use crate::core::script::Program;

/// What a file comes to. It may be used only if [`Diagnostics::errors`] is 0.
#[derive(Debug)]
pub struct Loaded {
    /// Values of core parameters.
    pub target: Target,
    /// The routes.
    pub program: Program,
    /// What another file may not say otherwise while a server runs from this one.
    pub facts: Facts,
    /// Findings, in order of place.
    pub found: Diagnostics,
}

/// What `loadmodule` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Modules {
    /// Loads the module and gives it its parameters.
    Run,
    /// Loads the module, but no function of it runs to take a parameter.
    Check,
    /// No module can be loaded.
    None,
    /// They are those of the server that runs, and have their parameters: what a file says of them is only checked.
    Running,
}

/// Reads the text of a file.
pub fn load(source: &SourceFile, modules: Modules) -> Loaded {
    let (file, mut found) = super::parse(&source.bytes);
    registry::set_flag_resolver(modparam::flag_of_modparam);
    let mut loader = Loader {
        modules,
        target: Target::default(),
        facts: Facts::default(),
        compiler: Compiler::new(&source.bytes, &mut found),
    };
    file.items.iter().for_each(|item| loader.item(item));
    warn_of_no_route(&file, &mut loader.compiler);
    let (target, mut facts) = (loader.target, loader.facts);
    facts.number_lines(source);
    let program = loader.compiler.finish();
    Loaded {
        target,
        program,
        facts,
        found,
    }
}

struct Loader<'c> {
    modules: Modules,
    target: Target,
    facts: Facts,
    compiler: Compiler<'c>,
}

impl Loader<'_> {
    fn item(&mut self, item: &Item) {
        let found = &mut *self.compiler.found;
        match item {
            Item::Assign { name, values } => {
                params::assign(name, values, &mut self.target, found);
                if let Some((name, value, span)) = params::effect(name, values) {
                    self.facts.param(name, value, span);
                }
            }
            Item::Variable { group, name, value } => declare::variable(group, name, value, found),
            Item::Flags(flags) => declare::flags(flags, found),
            Item::AvpFlags(names) => declare::avp_flags(names, found),
            Item::LoadModule(spec) => self.load_module(spec),
            Item::ModParam {
                modules,
                name,
                value,
            } => self.mod_param(modules, name, value),
            Item::Route(block) => self.compiler.block(block),
        }
    }

    fn load_module(&mut self, spec: &Spanned<Vec<u8>>) {
        let text = String::from_utf8_lossy(&spec.node);
        let found = &mut *self.compiler.found;
        let result = match self.modules {
            Modules::Run | Modules::Check => load_module(&text, &self.target.mpath),
            Modules::Running => running_module(&text, &self.target.mpath),
            Modules::None => Err(LoadError::NotFound {
                name: text.to_string(),
                tried: Vec::new(),
            }),
        };
        match result {
            Ok(module) => {
                let path = module.path.to_string_lossy().into_owned();
                if self.facts.has_module(&path) {
                    let text = format!("attempting to load the same module twice ({path})");
                    found.error(spec.span, text);
                }
                self.facts.module(path, &text, spec.span);
            }
            // It is there: nothing that follows is unknown for this reason.
            Err(why @ LoadError::AlreadyLoaded { .. }) => {
                found.error(spec.span, format!("failed to load module: {why}"));
            }
            Err(why) => self.module_missing(spec, &text, why),
        }
    }

    /// Says which module is not there; what follows from it is no error.
    fn module_missing(&mut self, spec: &Spanned<Vec<u8>>, text: &str, why: LoadError) {
        let name = module_name(text);
        // As built, the file of a module is libNAME.so.
        let bare = name
            .strip_prefix("lib")
            .filter(|bare| catalog::is_module(bare));
        let name = bare.unwrap_or(&name);
        let known = catalog::is_module(name) || fate(name).is_some();
        let unknown = matches!(why, LoadError::NotFound { .. }) && !known;
        let message = format!("failed to load module: {why}");
        let error = self.compiler.found.error(spec.span, message);
        if text.contains('/')
            && let Some(path) = installed(name, &self.target.mpath)
        {
            let path = path.display();
            error.help(format!("loadmodule \"{name}\" finds {path}"));
        }
        if unknown {
            error.suggest(name, catalog::modules());
        }
        let new = match fate(name) {
            Some(Fate::Renamed(new)) => Some(new),
            Some(Fate::Replaced(_) | Fate::NotYet) | None => None,
        };
        let names = [Some(name), new].into_iter().flatten().map(str::to_owned);
        self.compiler.missing.add(names);
    }

    /// Whether no code of a module may run.
    fn check_only(&self) -> bool {
        self.modules != Modules::Run
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
