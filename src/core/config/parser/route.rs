//! Route blocks: `KIND [NAME] { … }`.

use crate::core::config::ast::{Item, RouteBlock, Spanned};
use crate::core::config::scanner::{Scanner, parse_number};
use crate::core::msg::RouteKind;

impl Scanner<'_> {
    pub(super) fn route(&mut self, kind: RouteKind, start: usize) -> Option<Item> {
        let name = if self.eat("[") {
            self.route_name()
        } else {
            None
        };
        let head = self.span_from(start);
        if !self.eat("{") {
            let at = self.last_end;
            self.error_at(at, "invalid route statement: { is missing");
            if self.same_line() {
                self.skip_line();
            }
            return None;
        }
        let body = self.statements(head);
        Some(Item::Route(RouteBlock {
            kind,
            name,
            body,
            span: head,
        }))
    }

    /// The name and its `]`. A number is a name: `[0x1]` and `[1]` are the same.
    fn route_name(&mut self) -> Option<Spanned<String>> {
        let quoted = matches!(self.peek(), Some(b'"' | b'\''));
        let name = self.name_or_string();
        if name.is_none() {
            let at = self.start();
            self.error_at(at, "invalid route name")
                .help("a number, a word or a string in quotes is expected");
        }
        if !self.eat("]") {
            let at = self.start();
            self.error_at(at, "] is missing behind the name of the route")
                .help("a name with other characters than letters, digits and _ needs quotes");
            let rest = self.rest(self.at);
            let len = rest.iter().take_while(|b| !b"]{\n".contains(b)).count();
            self.advance(len);
            self.eat("]");
        }
        name.map(|name| Spanned {
            node: match parse_number(&name.node) {
                Some(n) if !quoted => n.to_string(),
                _ => name.node,
            },
            span: name.span,
        })
    }

    /// `reply_route` of the first generation: with a name it is what `t_on_negative` ran, a
    /// failure_route.
    pub(super) fn reply_route(&mut self, start: usize) -> Option<Item> {
        let (kind, word) = match self.peek() {
            Some(b'[') => (RouteKind::Failure, "failure_route"),
            _ => (RouteKind::OnReply, "onreply_route"),
        };
        let span = self.span_from(start);
        self.diagnostics
            .warning(span, format!("reply_route is called {word} now"));
        self.route(kind, start)
    }
}
