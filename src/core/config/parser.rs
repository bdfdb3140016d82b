//! The top level of a ser.cfg: assignments, flags, modules, route blocks.

use super::ast::{File, FlagDecl, Item, Literal, ParamValue, RouteBlock, SocketId, Span, Spanned};
use super::diagnostics::Diagnostics;
use super::params::{self, Param, ValueType};
use super::scanner::{Scanner, parse_number};
use crate::core::msg::RouteKind;
use crate::core::net::Proto;

/// Words that begin a statement of their own at the top level.
pub const KEYWORDS: [&str; 10] = [
    "flags",
    "bool",
    "avpflags",
    "loadmodule",
    "modparam",
    "route",
    "failure_route",
    "onreply_route",
    "branch_route",
    "onsend_route",
];

/// Parses a file; the findings are syntax errors only.
pub fn parse(src: &[u8]) -> (File, Diagnostics) {
    let mut s = Scanner::new(src);
    let mut file = File::default();
    while s.peek().is_some() {
        let before = s.at;
        if let Some(item) = s.item() {
            file.items.push(item);
        }
        if s.at == before {
            s.advance(1);
        }
    }
    (file, s.diagnostics)
}

impl Scanner<'_> {
    fn item(&mut self) -> Option<Item> {
        if self.eat(";") {
            return None;
        }
        let start = self.start();
        let word = self.word();
        match word {
            "" => {
                self.skip_line();
                self.error_at(
                    start,
                    "syntax error: a parameter, module or route block is expected here",
                );
                None
            }
            "flags" | "bool" => Some(Item::Flags(self.flags())),
            "avpflags" => Some(Item::AvpFlags(self.avp_flags())),
            "loadmodule" => self.load_module(start),
            "modparam" => self.mod_param(start),
            "route" => self.route(RouteKind::Request, start),
            "failure_route" => self.route(RouteKind::Failure, start),
            "onreply_route" => self.route(RouteKind::OnReply, start),
            "branch_route" => self.route(RouteKind::Branch, start),
            "onsend_route" => self.route(RouteKind::OnSend, start),
            name => self.assignment(name, start),
        }
    }

    /// Adds an error from `start` to what was read last.
    pub fn error_at(&mut self, start: usize, message: impl Into<String>) -> &mut super::Diagnostic {
        let span = self.span_from(start);
        self.diagnostics.error(span, message)
    }

    fn assignment(&mut self, name: &str, start: usize) -> Option<Item> {
        let name = Spanned {
            node: name.to_owned(),
            span: self.span_from(start),
        };
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
            let span = Span {
                start: end as u32,
                end: end as u32 + 1,
            };
            self.diagnostics
                .error(span, format!("{} has no value", name.node));
            self.skip_line();
            return None;
        }
        Some(Item::Assign { name, values })
    }

    /// A word that begins nothing known.
    fn unknown_statement(&mut self, name: &Spanned<String>) {
        let known = params::names().chain(KEYWORDS);
        let message = match self.peek() {
            Some(b'(') => format!("{} is a command and belongs into a route block", name.node),
            _ if params::find(&name.node).is_some() => {
                format!("{} needs a value: {} = …", name.node, name.node)
            }
            _ => format!("syntax error: unknown config variable {}", name.node),
        };
        self.diagnostics
            .error(name.span, message)
            .suggest(&name.node, known);
        if self.peek() == Some(b'{') || self.peek() == Some(b'[') {
            self.skip_statement();
        } else {
            self.skip_line();
        }
    }

    fn param_values(&mut self, kind: ValueType) -> Vec<Spanned<ParamValue>> {
        let mut values = Vec::new();
        loop {
            let start = self.start();
            let Some(value) = self.param_value(kind) else {
                return values;
            };
            let span = self.span_from(start);
            values.push(Spanned { node: value, span });
            if kind != ValueType::Sockets {
                return values;
            }
            self.eat(",");
            // The list ends where the next statement begins.
            let next = self.peek_word();
            let known = params::find(next).is_some() || KEYWORDS.contains(&next);
            let rest = self.text(self.at + next.len(), self.at + next.len() + 1);
            if (known || next == "udp" && rest == b"=") && rest != b":" && rest != b"." {
                return values;
            }
        }
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

    /// `[proto:]host[:port]`, the host maybe in quotes.
    pub fn socket(&mut self) -> Option<SocketId> {
        let start = self.start();
        let mut proto = None;
        let run = self.peek_run();
        if let Some((word, _)) = run.split_once(':')
            && (word == "*" || Proto::parse(word).is_some())
        {
            proto = Proto::parse(word);
            self.advance(word.len() + 1);
        }
        let (host, rest) = match self.string() {
            Some(text) => {
                let rest = self.peek_run();
                let taken = if rest.starts_with(':') { rest } else { "" };
                (
                    String::from_utf8_lossy(&text).into_owned(),
                    taken.to_owned(),
                )
            }
            None => {
                let run = self.peek_run();
                let (host, rest) = split_host(run)?;
                self.advance(host.len());
                (host.to_owned(), rest.to_owned())
            }
        };
        let port = match rest.strip_prefix(':') {
            None => None,
            Some("*") => None,
            Some(text) => match parse_number(text).and_then(|n| u16::try_from(n).ok()) {
                Some(port) => Some(port),
                None => {
                    self.advance(rest.len());
                    self.error_at(
                        start,
                        format!("bad port {text}: a number up to 65535 is expected"),
                    );
                    return Some(SocketId {
                        proto,
                        host,
                        port: None,
                    });
                }
            },
        };
        self.advance(rest.len());
        Some(SocketId { proto, host, port })
    }

    fn name_or_string(&mut self) -> Option<String> {
        if let Some(text) = self.string() {
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
        let word = self.word();
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn flags(&mut self) -> Vec<FlagDecl> {
        let mut all = Vec::new();
        loop {
            let start = self.start();
            let Some(name) = self.name_or_string() else {
                self.advance(1);
                self.error_at(start, "the name of a flag is expected");
                return all;
            };
            let name = Spanned {
                node: name,
                span: self.span_from(start),
            };
            let mut number = None;
            if self.eat(":") {
                let start = self.start();
                let value = parse_number(self.word());
                match value {
                    Some(n) => {
                        number = Some(Spanned {
                            node: n,
                            span: self.span_from(start),
                        })
                    }
                    None => {
                        self.error_at(start, "bad flag value: a number from 0 to 31 is expected");
                    }
                }
            }
            all.push(FlagDecl { name, number });
            if !self.eat(",") {
                return all;
            }
        }
    }

    fn avp_flags(&mut self) -> Vec<Spanned<String>> {
        let mut all = Vec::new();
        loop {
            let start = self.start();
            let Some(name) = self.name_or_string() else {
                self.advance(1);
                self.error_at(start, "the name of an avpflag is expected");
                return all;
            };
            let span = self.span_from(start);
            all.push(Spanned { node: name, span });
            if !self.eat(",") {
                return all;
            }
        }
    }

    fn load_module(&mut self, start: usize) -> Option<Item> {
        let at = self.start();
        match self.string() {
            Some(path) => {
                let span = self.span_from(at);
                Some(Item::LoadModule(Spanned { node: path, span }))
            }
            None => {
                self.skip_line();
                self.error_at(start, "string expected: loadmodule \"NAME\"");
                None
            }
        }
    }

    fn mod_param(&mut self, start: usize) -> Option<Item> {
        let item = self.try_mod_param();
        if item.is_none() {
            self.skip_line();
            self.error_at(
                start,
                "bad modparam: it is modparam(\"MODULE\", \"NAME\", VALUE)",
            );
        }
        item
    }

    fn try_mod_param(&mut self) -> Option<Item> {
        if !self.eat("(") {
            return None;
        }
        let modules = self.spanned_string()?;
        if !self.eat(",") {
            return None;
        }
        let name = self.spanned_string()?;
        if !self.eat(",") {
            return None;
        }
        let start = self.start();
        let value = match self.string() {
            Some(text) => Literal::Str(text),
            None => {
                let run = self.peek_run();
                let number = parse_number(run)?;
                self.advance(run.len());
                Literal::Int(number)
            }
        };
        let value = Spanned {
            node: value,
            span: self.span_from(start),
        };
        self.eat(")").then_some(Item::ModParam {
            modules,
            name,
            value,
        })
    }

    fn spanned_string(&mut self) -> Option<Spanned<Vec<u8>>> {
        let start = self.start();
        let node = self.string()?;
        Some(Spanned {
            node,
            span: self.span_from(start),
        })
    }

    fn route(&mut self, kind: RouteKind, start: usize) -> Option<Item> {
        let mut name = None;
        if self.eat("[") {
            let at = self.start();
            match self.name_or_string() {
                Some(text) => {
                    name = Some(Spanned {
                        node: text,
                        span: self.span_from(at),
                    })
                }
                None => {
                    let skip = usize::from(self.peek() != Some(b']'));
                    self.advance(skip);
                    self.error_at(
                        at,
                        "invalid route name: a number, a word or a string is expected",
                    );
                }
            }
            if !self.eat("]") {
                self.error_at(start, "] is missing behind the name of the route");
            }
        }
        let head = self.span_from(start);
        if !self.eat("{") {
            self.error_at(start, "invalid route statement: { is missing");
            self.skip_line();
            return None;
        }
        let body = self.statements(Some(head));
        Some(Item::Route(RouteBlock {
            kind,
            name,
            body,
            span: head,
        }))
    }
}

/// Splits `host[:port]`; IPv6 addresses with or without brackets stay whole.
fn split_host(run: &str) -> Option<(&str, &str)> {
    if run.is_empty() {
        return None;
    }
    if run.starts_with('[') {
        let close = run.find(']')? + 1;
        return Some(run.split_at(close));
    }
    if run.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((run, ""));
    }
    let end = run.find([':', '/', ']', '[']).unwrap_or(run.len());
    if end == 0 {
        return None;
    }
    Some(run.split_at(end))
}
