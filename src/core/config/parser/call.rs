//! Commands and their arguments.

use crate::core::config::ast::{ArgValue, Call, Spanned};
use crate::core::config::commands;
use crate::core::config::scanner::{Scanner, parse_number};
use crate::core::net::Proto;

impl Scanner<'_> {
    /// A command with its arguments. As a statement, drop, exit and return may have a bare argument.
    pub(super) fn call(&mut self, statement: bool) -> Option<Call> {
        let start = self.start();
        let name = self.word().to_owned();
        let name = Spanned {
            node: name,
            span: self.span_from(start),
        };
        let parens = self.peek() == Some(b'(');
        let args = if parens {
            self.arguments(&name.node)?
        } else if statement && commands::takes_bare_argument(&name.node) {
            self.bare_argument()
        } else {
            Vec::new()
        };
        Some(Call { name, args, parens })
    }

    fn bare_argument(&mut self) -> Vec<Spanned<ArgValue>> {
        if matches!(self.peek(), None | Some(b';' | b'}')) || !self.same_line() {
            return Vec::new();
        }
        self.argument().into_iter().collect()
    }

    /// `( … )`; `None` after an error.
    fn arguments(&mut self, command: &str) -> Option<Vec<Spanned<ArgValue>>> {
        self.advance(1);
        let mut args = Vec::new();
        if self.eat(")") {
            return Some(args);
        }
        loop {
            let at = self.start();
            let Some(arg) = self.argument() else {
                self.bad_argument(at, command);
                return None;
            };
            args.push(arg);
            if self.eat(",") {
                continue;
            }
            if self.eat(")") {
                return Some(args);
            }
            if self.unclosed {
                return None;
            }
            let at = self.last_end;
            self.error_at(at, "missing '(' or ')' ?")
                .help("a comma or ) is expected behind an argument");
            self.skip_statement();
            return None;
        }
    }

    fn bad_argument(&mut self, at: usize, command: &str) {
        self.skip_statement();
        let found = self.error_at(at, format!("bad {command} argument"));
        if commands::group(command).is_some() {
            found.help(commands::usage(command));
        }
    }

    fn argument(&mut self) -> Option<Spanned<ArgValue>> {
        let start = self.start();
        let node = self.argument_value()?;
        let span = self.span_from(start);
        Some(Spanned { node, span })
    }

    fn argument_value(&mut self) -> Option<ArgValue> {
        match self.peek()? {
            b'"' | b'\'' => return self.string().map(ArgValue::Str),
            b'@' => return self.select_text().map(|s| ArgValue::Select(s.node)),
            b'$' if self.raw(1) == Some(b'?') => {
                self.advance(2);
                return Some(ArgValue::RetCode);
            }
            b'$' | b'%' => {
                let avp = self.avp_text()?.node;
                let code = avp == "retcode";
                return Some(if code {
                    ArgValue::RetCode
                } else {
                    ArgValue::Avp(avp)
                });
            }
            _ => {}
        }
        let run = self.peek_run();
        let value = match run {
            "" => return None,
            "uri:host" => ArgValue::UriHost,
            "uri:port" => ArgValue::UriPort,
            _ => match self.plain_argument(run) {
                Some(value) => value,
                None => return self.socket().map(ArgValue::Socket),
            },
        };
        self.advance(run.len());
        Some(value)
    }

    /// A run of characters that is one value; `None`: it is an address with protocol or port.
    fn plain_argument(&mut self, run: &str) -> Option<ArgValue> {
        if let Some(n) = parse_number(run) {
            return Some(ArgValue::Int(n));
        }
        if let Ok(ip) = run.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(ArgValue::Ip(ip));
        }
        let proto = run.split_once(':').map(|(proto, _)| proto);
        if proto.is_some_and(|p| p == "*" || Proto::parse(p).is_some()) || run.contains(':') {
            return None;
        }
        Some(if run.contains(['.', '-']) {
            ArgValue::Host(run.to_owned())
        } else {
            ArgValue::Id(run.to_owned())
        })
    }
}
