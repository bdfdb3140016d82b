//! Declarations of the top level: `flags`, `avpflags`, `loadmodule`, `modparam`.

use crate::core::config::ast::{FlagDecl, Item, Literal, Spanned};
use crate::core::config::scanner::{Scanner, parse_number};

/// How a module parameter is written.
const MODPARAM: &str = "it is modparam(\"MODULE\", \"NAME\", VALUE); VALUE is a number or a string";

impl Scanner<'_> {
    /// The name of a flag or route.
    pub(super) fn name_or_string(&mut self) -> Option<Spanned<String>> {
        let start = self.start();
        // The word that begins the next statement is no name.
        if super::KEYWORDS.contains(&self.peek_word()) {
            return None;
        }
        let node = match self.string() {
            Some(text) => String::from_utf8_lossy(&text).into_owned(),
            None => self.word().to_owned(),
        };
        let span = self.span_from(start);
        (!node.is_empty()).then_some(Spanned { node, span })
    }

    pub(super) fn flags(&mut self) -> Vec<FlagDecl> {
        let mut all = Vec::new();
        loop {
            let Some(name) = self.name_or_string() else {
                let at = self.start();
                self.error_at(at, "the name of a flag is expected");
                return all;
            };
            let number = self.flag_number();
            all.push(FlagDecl { name, number });
            if !self.eat(",") {
                return all;
            }
        }
    }

    fn flag_number(&mut self) -> Option<Spanned<i64>> {
        if !self.eat(":") {
            return None;
        }
        let start = self.start();
        let node = parse_number(self.word());
        let span = self.span_from(start);
        if node.is_none() {
            self.error_from(start, "bad flag value: a number from 0 to 31 is expected");
        }
        node.map(|node| Spanned { node, span })
    }

    pub(super) fn avp_flags(&mut self) -> Vec<Spanned<String>> {
        let mut all = Vec::new();
        loop {
            let Some(name) = self.name_or_string() else {
                let at = self.start();
                self.error_at(at, "the name of an avpflag is expected");
                return all;
            };
            all.push(name);
            if !self.eat(",") {
                return all;
            }
        }
    }

    pub(super) fn load_module(&mut self) -> Option<Item> {
        let at = self.start();
        if let Some(path) = self.spanned_string() {
            return Some(Item::LoadModule(path));
        }
        let run = self.peek_run();
        let name = if run.is_empty() { "NAME" } else { run };
        self.skip_line();
        self.error_from(at, "string expected")
            .help(format!("loadmodule \"{name}\""));
        None
    }

    pub(super) fn mod_param(&mut self) -> Option<Item> {
        match self.try_mod_param() {
            Ok(item) => Some(item),
            Err(wanted) => {
                let at = self.start();
                self.error_at(at, format!("bad modparam: {wanted} is expected here"))
                    .help(MODPARAM);
                if self.same_line() {
                    self.skip_line();
                }
                None
            }
        }
    }

    fn try_mod_param(&mut self) -> Result<Item, &'static str> {
        self.expect("(", "(")?;
        let modules = self.spanned_string().ok_or("a string")?;
        self.expect(",", "a comma")?;
        let name = self.spanned_string().ok_or("a string")?;
        self.expect(",", "a comma")?;
        let value: Spanned<Literal> = self.literal().ok_or("a number or a string")?;
        self.expect(")", ")")?;
        Ok(Item::ModParam {
            modules,
            name,
            value,
        })
    }

    fn expect(&mut self, text: &str, what: &'static str) -> Result<(), &'static str> {
        if self.eat(text) { Ok(()) } else { Err(what) }
    }
}
