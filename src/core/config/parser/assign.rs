//! `name = value` at the top level: core parameters, and variables that the operator invents
//! (`group.name = value desc "text"`).

use crate::core::config::ast::{Item, Literal, ParamValue, Spanned};
use crate::core::config::params::{self, Param, ValueType};
use crate::core::config::scanner::{Scanner, parse_number};

impl Scanner<'_> {
    pub(super) fn assignment(&mut self, name: &str, start: usize) -> Option<Item> {
        let name = Spanned {
            node: name.to_owned(),
            span: self.span_from(start),
        };
        if self.raw(0) == Some(b'.') {
            return self.variable(name);
        }
        let known = params::find(&name.node);
        let equals = self.eat("=");
        // 0.8 wrote `fork yes`.
        let value_follows =
            known.is_some() && !matches!(self.peek(), None | Some(b';' | b'{' | b'('));
        if !equals && !value_follows {
            self.unknown_statement(&name);
            return None;
        }
        let kind = known.map_or(ValueType::Any, Param::kind);
        let values = self.param_values(kind);
        if values.is_empty() {
            let end = self.last_end;
            let help = format!("{} = VALUE", name.node);
            self.error_at(end, format!("{} has no value", name.node))
                .help(help);
            if self.same_line() {
                self.skip_line();
            }
            return None;
        }
        Some(Item::Assign { name, values })
    }

    fn param_values(&mut self, kind: ValueType) -> Vec<Spanned<ParamValue>> {
        let mut values = Vec::new();
        while !self.next_item_begins() {
            let start = self.start();
            let Some(value) = self.param_value(kind) else {
                break;
            };
            let span = self.span_from(start);
            values.push(Spanned { node: value, span });
            if kind != ValueType::Sockets {
                break;
            }
            self.eat(",");
        }
        values
    }

    /// A list of addresses, or a value that was forgotten, ends where the next statement begins: at a
    /// known word, and in a new line at a word that something else than another address follows.
    fn next_item_begins(&mut self) -> bool {
        let before = self.last_end;
        let start = self.start();
        let new_line = self.text(before, start).contains(&b'\n');
        let word = self.peek_word();
        let next = self.raw(word.len());
        if word.is_empty() || matches!(next, Some(b':' | b'.' | b'-')) {
            return false;
        }
        let known = params::find(word).is_some() || super::KEYWORDS.contains(&word);
        let follows = self.behind_word();
        known && (new_line || follows == Some(b'='))
            || new_line && matches!(follows, Some(b'=' | b'(' | b'{' | b'"' | b'\''))
    }

    fn param_value(&mut self, kind: ValueType) -> Option<ParamValue> {
        if kind == ValueType::Sockets {
            return self.socket().map(ParamValue::Socket);
        }
        if let Some(text) = self.string() {
            return Some(ParamValue::Str(text));
        }
        let run = self.peek_run();
        if run.is_empty() {
            return None;
        }
        if let Ok(ip) = run.trim_matches(['[', ']']).parse() {
            self.advance(run.len());
            return Some(ParamValue::Ip(ip));
        }
        if kind == ValueType::Int && run == "auto" {
            return self.auto();
        }
        // A path is one value; behind a number a comment may follow.
        let run = match kind {
            ValueType::Any | ValueType::Str => run,
            ValueType::Int | ValueType::Sockets => run.split('/').next().unwrap_or(run),
        };
        self.advance(run.len().max(1));
        Some(match parse_number(run) {
            Some(n) => ParamValue::Int(n),
            None => ParamValue::Id(run.to_owned()),
        })
    }

    /// `auto(MIN, MAX)`
    fn auto(&mut self) -> Option<ParamValue> {
        self.advance("auto".len());
        let mut number = |before: &str| {
            let is_there = self.eat(before);
            let run = self.peek_run();
            let number = parse_number(run).filter(|_| is_there)?;
            self.advance(run.len());
            Some(number)
        };
        let range = number("(").zip(number(","));
        match range.filter(|_| self.eat(")")) {
            Some((min, max)) => Some(ParamValue::Auto(min, max)),
            None => {
                // What is missing is told; the rest of the file is read all the same.
                self.eat(")");
                Some(ParamValue::Id("auto".into()))
            }
        }
    }

    /// `group.name = value [desc "text"]`, the group is read.
    fn variable(&mut self, group: Spanned<String>) -> Option<Item> {
        self.advance(1);
        let start = self.at;
        let name = self.word().to_owned();
        let name = Spanned {
            node: name,
            span: self.span_from(start),
        };
        let value = match (name.node.is_empty(), self.eat("=")) {
            (false, true) => self.literal(),
            _ => None,
        };
        let Some(value) = value else {
            self.error_from(group.span.start as usize, "bad variable")
                .help("it is group.name = NUMBER or \"text\", and maybe desc \"what it is\"");
            self.skip_line();
            return None;
        };
        if (self.eat_word("desc") || self.eat_word("descr")) && self.string().is_none() {
            let at = self.start();
            self.error_at(at, "string expected: what the variable is for");
        }
        Some(Item::Variable { group, name, value })
    }

    /// A number or a string.
    pub(super) fn literal(&mut self) -> Option<Spanned<Literal>> {
        let start = self.start();
        let node = match self.string() {
            Some(text) => Literal::Str(text),
            None => {
                let run = self.peek_run();
                let number = parse_number(run)?;
                self.advance(run.len());
                Literal::Int(number)
            }
        };
        let span = self.span_from(start);
        Some(Spanned { node, span })
    }
}
