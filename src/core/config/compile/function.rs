//! Calls of module functions: the record is looked up by name and number of arguments.

use super::super::ast::Call;
use super::super::retired::{self, Fate};
use super::super::{catalog, commands, suggest};
use super::Compiler;
use crate::core::module::registry::{self, CommandLookup};
use crate::core::script::ActionKind;
use crate::core::stats;

impl Compiler<'_> {
    /// A call of something that is no core command.
    pub(super) fn function(&mut self, call: &Call) -> Option<ActionKind> {
        let name = call.name.node.as_str();
        match self.look_up(name, call) {
            CommandLookup::Found(command) => self.compile_call(command, call),
            CommandLookup::WrongRoute(command) => {
                let blocks = super::words(command.routes).join(", ");
                self.error_with(
                    call.name.span,
                    format!("Command cannot be used in the block: {name}"),
                )
                .help(format!("{name} may stand in {blocks}"));
                None
            }
            CommandLookup::WrongArgCount(counts) => self.wrong_count(call, &counts),
            CommandLookup::Unknown => self.unknown(call),
        }
    }

    fn look_up(&self, name: &str, call: &Call) -> CommandLookup {
        registry::find_command(name, call.args.len(), self.kind)
    }

    fn compile_call(
        &mut self,
        command: &'static crate::core::module::Command,
        call: &Call,
    ) -> Option<ActionKind> {
        let name = &call.name.node;
        if !call.parens {
            return self.error(call.name.span, format!("missing '(' or ')' ? {name}()"));
        }
        let args: Vec<_> = call
            .args
            .iter()
            .zip(command.params)
            .map(|(arg, kind)| self.argument(arg, *kind, command))
            .collect();
        let args = args.into_iter().collect::<Option<Vec<_>>>()?;
        let module = registry::module_of(command);
        Some(ActionKind::Module {
            command,
            args,
            number: stats::script::command(module, command.name),
        })
    }

    fn wrong_count<T>(&mut self, call: &Call, counts: &[usize]) -> Option<T> {
        let name = &call.name.node;
        let counts: Vec<_> = counts.iter().map(usize::to_string).collect();
        let message = format!(
            "unknown command, missing loadmodule? {name} with {} arguments: it takes {}",
            call.args.len(),
            counts.join(" or ")
        );
        let signatures: Vec<_> = registry::commands_named(name)
            .into_iter()
            .map(registry::signature)
            .collect();
        self.error_with(call.name.span, message)
            .help(signatures.join(" or "));
        None
    }

    /// Nobody has it: it was retired, its module is not loaded, or it is misspelt.
    fn unknown(&mut self, call: &Call) -> Option<ActionKind> {
        let name = call.name.node.as_str();
        match retired::function(name) {
            Some(Fate::NoEffect(why)) => {
                self.found.warning(call.name.span, format!("{name}: {why}"));
                return Some(ActionKind::Block(Vec::new()));
            }
            Some(Fate::Renamed(new)) => {
                if let CommandLookup::Found(command) = self.look_up(new, call) {
                    let text = format!("{name} is called {new} now");
                    self.found.warning(call.name.span, text);
                    return self.compile_call(command, call);
                }
            }
            Some(Fate::Gone(_)) | None => {}
        }
        self.unknown_error(call)
    }

    /// The function or command that `name` is a slip of the finger for.
    fn near_function(&self, name: &str) -> Option<String> {
        if self.found.is_full() {
            return None;
        }
        let loaded = registry::command_names().into_iter();
        let known = loaded.chain(commands::names());
        if let Some(near) = suggest::nearest(name, known) {
            return Some(near.to_owned());
        }
        let elsewhere = catalog::functions(|module| self.missing.is(module));
        suggest::nearest(name, elsewhere).map(str::to_owned)
    }

    fn unknown_error<T>(&mut self, call: &Call) -> Option<T> {
        let name = call.name.node.as_str();
        let fate = retired::function(name);
        let near = self.near_function(name);
        let current = match fate {
            Some(Fate::Renamed(new)) => new,
            Some(Fate::NoEffect(_) | Fate::Gone(_)) | None => name,
        };
        let gone = matches!(fate, Some(Fate::Gone(_)));
        if !gone && self.function_may_be_missing(current, near.is_some()) {
            return None;
        }
        let wanted = catalog::modules_of_function(current);
        let load = wanted.first().filter(|module| !registry::is_loaded(module));
        let load = load.map(|module| format!("module {module}: loadmodule \"{module}\""));
        let help = match (fate, load) {
            (Some(Fate::Gone(instead) | Fate::NoEffect(instead)), _) => Some(instead.to_owned()),
            (Some(Fate::Renamed(new)), Some(load)) => Some(format!(
                "it is called {new} now and is a function of {load}"
            )),
            (Some(Fate::Renamed(new)), None) => Some(format!("it is called {new} now")),
            (None, Some(load)) => Some(format!("it is a function of {load}")),
            (None, None) => near.map(|near| format!("did you mean `{near}`?")),
        };
        let message = format!("unknown command, missing loadmodule? {name}");
        let found = self.error_with(call.name.span, message);
        help.into_iter().for_each(|help| found.help(help));
        None
    }
}
