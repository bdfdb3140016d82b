//! From a line of ser.cfg to what stands there: the route block, and the functions that are called in that line.

use super::{Action, ActionKind, AssignValue, Expr, Program};
use crate::core::msg::RouteKind;
use crate::core::script::program::{DEFAULT_ROUTE, Route};
use std::fmt;

/// What stands in a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place<'p> {
    /// The kind of the route block.
    pub kind: RouteKind,
    /// Its name; `0`: it has none.
    pub route: &'p str,
    /// Functions of modules, and those of the core that may take long, in the order of the line.
    pub calls: Vec<&'p str>,
}

impl Program {
    /// What stands in `line`; `None`: no statement does.
    pub fn place(&self, line: u32) -> Option<Place<'_>> {
        RouteKind::ALL.into_iter().find_map(|kind| {
            let routes = self.table(kind).iter();
            routes
                .filter_map(|route| place_in(kind, route, line))
                .next()
        })
    }
}

fn place_in(kind: RouteKind, route: &Route, line: u32) -> Option<Place<'_>> {
    let (mut found, mut calls) = (false, Vec::new());
    visit(&route.actions, &mut |action| {
        if action.line == line {
            found = true;
            calls.extend(call_of(&action.kind));
        }
    });
    let route = &route.name;
    found.then_some(Place { kind, route, calls })
}

fn call_of(kind: &ActionKind) -> Option<&'static str> {
    match kind {
        ActionKind::Module { command, .. } => Some(command.name),
        ActionKind::Exec(_) => Some("exec"),
        ActionKind::Forward { .. } => Some("forward"),
        ActionKind::Send { .. } => Some("send"),
        _ => None,
    }
}

/// Shows `see` every action, those inside of others too.
fn visit<'p>(actions: &'p [Action], see: &mut impl FnMut(&'p Action)) {
    for action in actions {
        see(action);
        match &action.kind {
            ActionKind::If { arms, otherwise } => {
                for arm in arms {
                    visit_expr(&arm.cond, see);
                    visit(&arm.body, see);
                }
                visit(otherwise, see);
            }
            ActionKind::Block(actions) => visit(actions, see),
            ActionKind::AssignAvp { value, .. } => match value {
                AssignValue::Action(action) => visit(std::slice::from_ref(action), see),
                AssignValue::Expr(expr) => visit_expr(expr, see),
                _ => {}
            },
            _ => {}
        }
    }
}

fn visit_expr<'p>(expr: &'p Expr, see: &mut impl FnMut(&'p Action)) {
    match expr {
        Expr::All(all) | Expr::Any(all) => all.iter().for_each(|expr| visit_expr(expr, see)),
        Expr::Not(expr) => visit_expr(expr, see),
        Expr::Action(action) => visit(std::slice::from_ref(action), see),
        Expr::Actions(actions) => visit(actions, see),
        _ => {}
    }
}

impl fmt::Display for Place<'_> {
    /// `route[REGISTER]: save, sl_reply_error`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())?;
        if self.route != DEFAULT_ROUTE {
            write!(f, "[{}]", self.route)?;
        }
        for (i, call) in self.calls.iter().enumerate() {
            write!(f, "{} {call}", if i == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::script::Arm;

    fn action(line: u32, kind: ActionKind) -> Action {
        Action { kind, line }
    }

    fn exec(line: u32) -> Action {
        action(line, ActionKind::Exec("sleep 1".into()))
    }

    #[test]
    fn a_line_leads_to_its_route_and_to_what_is_called_there() {
        let mut program = Program::default();
        let index = program.failure.index("BUSY");
        let cond = Expr::Not(Box::new(Expr::Action(Box::new(exec(4)))));
        let body = vec![action(4, ActionKind::ForceRport), exec(5)];
        let arms = vec![Arm {
            cond,
            body,
            line: 4,
        }];
        let otherwise = vec![exec(6)];
        let route = program.failure.get_mut(index).unwrap();
        route.actions = vec![action(4, ActionKind::If { arms, otherwise })];
        let main = program.request.index(DEFAULT_ROUTE);
        program.request.get_mut(main).unwrap().actions = vec![action(9, ActionKind::ForceRport)];
        let text = |line| program.place(line).map(|place| place.to_string());
        assert_eq!(text(4).unwrap(), "failure_route[BUSY]: exec");
        assert_eq!(text(6).unwrap(), "failure_route[BUSY]: exec");
        assert_eq!(text(9).unwrap(), "route");
        assert_eq!(text(7), None);
    }
}
