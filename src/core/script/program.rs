//! The compiled program: five tables of routes. Built from ser.cfg in the attendant, then fixed up, then installed:
//! it runs in the processes that are forked from then on.

use super::{Action, HostNames};
use crate::core::msg::RouteKind;
use crate::core::stats;
use parking_lot::RwLock;
use std::sync::{Arc, OnceLock};

/// One route block (all unnamed blocks of a kind are one).
#[derive(Debug, Default)]
pub struct Route {
    /// Its name; numbers are names; the unnamed one is `0`.
    pub name: String,
    /// Its statements.
    pub actions: Vec<Action>,
    /// A block of that name stands in the file (else it was only referred to).
    pub defined: bool,
    /// Its number among those that are measured.
    pub number: usize,
}

/// All routes of one kind; an index stays valid for the life of the program.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
}

impl RouteTable {
    /// The index of a name, a new empty route if it is not known yet.
    pub fn index(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.routes.push(Route {
                name: name.to_owned(),
                ..Route::default()
            });
            self.routes.len() - 1
        })
    }
    /// The index of a known name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.routes.iter().position(|r| r.name == name)
    }
    /// The route of that index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Route> {
        self.routes.get(index)
    }
    /// The route of that index, to be filled.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Route> {
        self.routes.get_mut(index)
    }
    /// All routes.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }
    /// All routes, for fix-ups.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Route> {
        self.routes.iter_mut()
    }
}

/// The tables and the blocks that run by themselves.
#[derive(Debug, Default)]
pub struct Program {
    /// `route`
    pub request: RouteTable,
    /// `failure_route`
    pub failure: RouteTable,
    /// `onreply_route`
    pub onreply: RouteTable,
    /// `branch_route`
    pub branch: RouteTable,
    /// `onsend_route`
    pub onsend: RouteTable,
    main: Option<usize>,
    reply: Option<usize>,
    send: Option<usize>,
}

/// Name of the unnamed block.
pub const DEFAULT_ROUTE: &str = "0";

impl Program {
    /// The table of a kind.
    pub fn table(&self, kind: RouteKind) -> &RouteTable {
        match kind {
            RouteKind::Request => &self.request,
            RouteKind::Failure => &self.failure,
            RouteKind::OnReply => &self.onreply,
            RouteKind::Branch => &self.branch,
            RouteKind::OnSend => &self.onsend,
        }
    }
    /// The table of a kind, to be filled.
    pub fn table_mut(&mut self, kind: RouteKind) -> &mut RouteTable {
        match kind {
            RouteKind::Request => &mut self.request,
            RouteKind::Failure => &mut self.failure,
            RouteKind::OnReply => &mut self.onreply,
            RouteKind::Branch => &mut self.branch,
            RouteKind::OnSend => &mut self.onsend,
        }
    }
    /// The block that runs for every message of that kind.
    pub fn default_route(&self, kind: RouteKind) -> Option<usize> {
        match kind {
            RouteKind::Request => self.main,
            RouteKind::OnReply => self.reply,
            RouteKind::OnSend => self.send,
            RouteKind::Failure | RouteKind::Branch => None,
        }
    }
    /// Runs every action's fix-up, tables in SER's order; the error says line and reason.
    pub fn fixup(&mut self, names: &mut HostNames) -> Result<(), String> {
        let Program {
            request,
            onreply,
            failure,
            branch,
            onsend,
            ..
        } = self;
        for table in [request, onreply, failure, branch, onsend] {
            for action in table.iter_mut().flat_map(|route| &mut route.actions) {
                action.fixup(names)?;
            }
        }
        Ok(())
    }
    /// Gives every block a number under which it is measured.
    fn number(&mut self) {
        for kind in RouteKind::ALL {
            let defined = |route: &&mut Route| route.defined;
            for route in self.table_mut(kind).iter_mut().filter(defined) {
                route.number = stats::script::route(kind.word(), &route.name);
            }
        }
    }

    fn find_defaults(&mut self) {
        let default = |table: &RouteTable| {
            table
                .find(DEFAULT_ROUTE)
                .filter(|i| table.get(*i).is_some_and(|r| r.defined))
        };
        self.main = default(&self.request);
        self.reply = default(&self.onreply);
        self.send = default(&self.onsend);
    }
}

/// What the attendant has installed last.
static LATEST: RwLock<Option<Arc<Program>>> = RwLock::new(None);
/// What runs in this process.
static KEPT: OnceLock<Arc<Program>> = OnceLock::new();

/// Makes `program` the one that runs in processes that are forked from now on.
pub fn install(mut program: Program) -> Arc<Program> {
    program.find_defaults();
    program.number();
    let program = Arc::new(program);
    reinstall(program.clone());
    program
}

/// The same with one that was installed before.
pub fn reinstall(program: Arc<Program>) {
    if program.send.is_some() {
        crate::core::forward::set_onsend_hook(super::run_onsend_route);
    }
    *LATEST.write() = Some(program);
}

/// What was installed last.
pub fn latest() -> Option<Arc<Program>> {
    LATEST.read().clone()
}

/// This process runs what is installed now, to its end.
pub fn keep() {
    if let Some(latest) = latest() {
        KEPT.get_or_init(|| latest);
    }
}

/// The program that runs in this process; `None` in one that runs none, the attendant.
#[inline]
pub fn program() -> Option<&'static Program> {
    KEPT.get().map(|program| &**program)
}

/// Looks into the program that runs here, or into the latest in a process that runs none.
pub fn look_into_program<T>(look: impl FnOnce(&Program) -> T) -> Option<T> {
    match program() {
        Some(program) => Some(look(program)),
        None => LATEST.read().as_deref().map(look),
    }
}
