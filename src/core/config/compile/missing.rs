//! Modules that could not be loaded. That is one error each; what follows from it is none: their
//! commands, selects, parameters and flags are not complained of.

use super::Compiler;
use crate::core::config::catalog;
use crate::core::module::Regex;

/// The modules that the file wants and that are not there.
#[derive(Debug, Default)]
pub struct Missing {
    names: Vec<String>,
}

impl Missing {
    /// One more, under all the names that it has.
    pub fn add(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names);
    }

    /// Whether a module pattern of `modparam` means one of them.
    pub fn matches(&self, modules_re: &[u8]) -> bool {
        let anchored = [b"^", modules_re, b"$"].concat();
        Regex::new(&anchored).is_ok_and(|re| self.names.iter().any(|n| re.is_match(n.as_bytes())))
    }

    /// Whether that module is missing.
    pub fn is(&self, module: &str) -> bool {
        self.names.iter().any(|name| name == module)
    }

    /// Whether one of the `owners` is missing.
    fn own(&self, owners: &[&str]) -> bool {
        self.names
            .iter()
            .any(|name| owners.contains(&name.as_str()))
    }

    /// Whether something is missing that is no module of SER, so that nobody knows what it has.
    fn have_unknown(&self) -> bool {
        self.names.iter().any(|name| !catalog::is_module(name))
    }
}

impl Compiler<'_> {
    /// Whether an unknown function may be one of a module that is missing. A near miss of a known
    /// name is a slip of the finger all the same.
    pub(super) fn function_may_be_missing(&self, name: &str, near: bool) -> bool {
        let owners = catalog::modules_of_function(name);
        if owners.is_empty() {
            return !near && !self.missing.names.is_empty();
        }
        self.missing.own(&owners)
    }

    /// Whether an unknown select may be one of a module that is missing; `begins_known`: its first
    /// word, or nearly that, is one of a select that is there.
    pub(super) fn select_may_be_missing(&self, text: &str, begins_known: bool) -> bool {
        let owners = catalog::modules_of_select(text);
        if owners.is_empty() {
            return !begins_known && self.missing.have_unknown();
        }
        self.missing.own(&owners)
    }

    /// Whether a missing module may declare flags of attributes.
    pub(super) fn may_be_declared_elsewhere(&self) -> bool {
        !self.missing.names.is_empty()
    }
}
