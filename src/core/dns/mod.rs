//! Where a host leads (RFC 3263; SER's resolve.c, dns_cache.c and dst_blacklist.c).
//!
//! # Use
//! ```ignore
//! let query = Query::of_uri(&uri)?;              // or Query::new(host, port, proto)
//! match dns::resolve(query) {
//!     Resolution::Ready(mut to) => { /* to.next() is the first destination, more() says if failover has another */ }
//!     Resolution::Failed(why) => { /* SerError::from(why) */ }
//!     Resolution::Pending(ticket) => {
//!         // Not known yet: suspend, and be called in the resolver process when it is.
//!         dns::on_ready(ticket, Waiter { handler, data: [index, label, branch, 0] })?;
//!     }
//! }
//! ```
//! [`resolve`] never waits and never asks anybody: an address is its own answer (nothing is locked
//! or allocated), a name is looked up in the cache. [`on_ready`] starts the look-up, or joins the one
//! that runs already. A process that has nothing better to do waits: [`resolve_blocking`].
//!
//! A handler is registered by number before the first fork ([`register_handler`], from a module's
//! `init`) and is called **exactly once** for each waiter that was accepted, in the resolver process,
//! with the destinations or why there are none; the time that it takes is bounded by the dns_*
//! parameters. It may be called before [`on_ready`] returns (in no-fork mode in the same process), so
//! what it needs must be in place before, and no lock may be held that it takes.

mod at_start;
pub mod blacklist;
mod cache;
mod destination;
mod engine;
mod failure;
mod hosts;
mod jobs;
mod lookup;
mod mailbox;
mod metrics;
mod name;
mod naptr_choice;
mod policy;
mod query;
mod random;
mod records;
mod resolv_conf;
pub mod rpc;
mod service;
mod srv_order;
mod task;
mod walk;
mod wire;

pub use at_start::AtStart;
pub use destination::{Destination, Destinations, MAX_DESTINATIONS};
pub use failure::Failure;
pub use lookup::{Records, address_has_name, name_has_address, records, resolve_host};
pub use metrics::METRICS;
pub use query::{Query, default_port};
pub use records::{Naptr, RecordSet, RecordType, Srv};
pub use service::{Resolver, announce_resolver, is_resolver_wanted, want_resolver};

use crate::core::isolation;
use crate::core::settings::Settings;
use crate::core::stats::{self, Counter, activity, count};
use crate::core::time::get_ticks_raw;
use crate::ipc::{number_of, register_recovery};
use cache::Cache;
use parking_lot::RwLock;
use policy::Policy;
use task::{Done, Task};
use walk::{Facts, Step};

/// What became of a name.
pub type Outcome = Result<Destinations, Failure>;

/// What is called when a name is known, or failed. In the resolver process; keep it short.
pub type Handler = fn(data: [u64; 4], outcome: &Outcome);

crate::shm_struct! {
    /// The number of a registered [`Handler`]; good in all processes.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct HandlerId {
        number: u16,
    }
}

crate::shm_struct! {
    /// Who is to be called.
    #[derive(Clone, Copy, Debug)]
    pub struct Waiter {
        /// What runs.
        pub handler: HandlerId,
        /// What it gets.
        pub data: [u64; 4],
    }
}

/// By their numbers; none where another program had one that this one has not.
static HANDLERS: RwLock<Vec<Option<Handler>>> = RwLock::new(Vec::new());

/// Registers a handler under a name that is its own (say `tm: resolved`); before the first fork, from a module's `init`.
/// `None`: there are too many already. Whoever does this will ask for names, so there will be a resolver process.
pub fn register_handler(name: &str, handler: Handler) -> Option<HandlerId> {
    want_resolver();
    let number = number_of("dns handler", name)?;
    let mut handlers = HANDLERS.write();
    let place = usize::from(number);
    if handlers.len() <= place {
        handlers.resize(place + 1, None);
    }
    handlers[place] = Some(handler);
    Some(HandlerId { number })
}

/// Calls a handler; one that panics has had its call.
fn call(id: HandlerId, data: [u64; 4], done: &Done) {
    let handlers = HANDLERS.read();
    let handler = handlers.get(usize::from(id.number)).copied().flatten();
    drop(handlers);
    let Some(handler) = handler else {
        log::error!("BUG: dns waiter with unknown handler {}", id.number);
        return;
    };
    let outcome = done.clone().destinations();
    isolation::task(activity::Task::Name, "who waited for a name", || {
        handler(data, &outcome)
    });
}

/// What [`resolve`] knows at once.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a box would be an allocation")]
pub enum Resolution<'q> {
    /// Where to send to; at least one.
    Ready(Destinations),
    /// Nowhere; this was found out lately, or needs no look-up.
    Failed(Failure),
    /// It must be looked up: [`on_ready`], [`wait`].
    Pending(Ticket<'q>),
}

/// The right to wait for a name. Nothing has been started yet: a ticket that is dropped costs nothing.
#[derive(Debug)]
#[must_use = "the name is looked up when the ticket is given to on_ready() or wait()"]
pub struct Ticket<'q> {
    query: Query<'q>,
}

/// The cache as it is now.
struct Cached<'c> {
    cache: &'c Cache,
    now: u32,
}

impl Facts for Cached<'_> {
    fn look(&self, question: &records::Question, see: &mut dyn FnMut(walk::Known<'_>)) -> bool {
        self.cache.look(question, self.now, see)
    }
}

/// Sets name resolution up: in the attendant, once there is shared memory, before the modules' `init`.
pub(in crate::core) fn create(settings: &Settings) -> Result<(), String> {
    crate::core::rpc::register_core(rpc::METHODS);
    stats::metrics::register(METRICS);
    service::create(settings)?;
    blacklist::create(settings)?;
    register_recovery(recover);
    Ok(())
}

/// In the attendant, when the locks of the processes `dead` were released: counts anew.
fn recover(dead: &[u16]) {
    service::recover(dead);
    blacklist::recount();
}

/// What follows from the parameters together.
pub(in crate::core) fn settle(settings: &mut Settings) {
    if settings.use_dns_failover && !settings.use_dns_cache {
        log::warn!("WARNING: use_dns_failover needs use_dns_cache: it is off, too");
        settings.use_dns_failover = false;
    }
}

/// In the attendant: other parameters and sockets are in force, for processes that are forked from now on.
pub(in crate::core) fn settings_changed(settings: &Settings) {
    service::settings_changed(settings);
    Policy::put();
}

/// This process keeps what is in force now.
pub(in crate::core) fn keep() {
    Policy::keep();
}

/// What is known of `query` without waiting.
#[inline]
pub fn resolve(query: Query<'_>) -> Resolution<'_> {
    match query.literal_list() {
        Some(destinations) => Resolution::Ready(destinations),
        None => look_into_cache(query),
    }
}

fn look_into_cache(query: Query<'_>) -> Resolution<'_> {
    let cache = service::shared().and_then(|shared| shared.cache.as_ref());
    let Some(cache) = cache else {
        return Resolution::Pending(Ticket { query });
    };
    let now = get_ticks_raw();
    let facts = Cached { cache, now };
    let step = walk::walk(&query, Policy::get(), &facts, random::seed(), &mut |_| {});
    count(match step {
        Step::Done(_) | Step::Failed(_) => Counter::DnsHits,
        Step::Need(_) => Counter::DnsMisses,
    });
    match step {
        Step::Done(destinations) => Resolution::Ready(destinations),
        Step::Failed(why) => Resolution::Failed(why),
        Step::Need(_) => Resolution::Pending(Ticket { query }),
    }
}

/// What an answer to a question about `name` comes to: its records, if it has any. For the fuzz target,
/// which has no name server.
#[doc(hidden)]
pub fn read_answer(message: &[u8], name: &[u8], rtype: RecordType) -> Option<Records> {
    let name = name::HostName::parse(name).ok()?;
    let id = u16::from_be_bytes(*message.first_chunk()?);
    match wire::read(message, &records::Question { name, rtype }, id)? {
        wire::Answer::Records { set, .. } => Some(Records::new(rtype, set)),
        _ => None,
    }
}

/// Calls `waiter` when the name behind `ticket` is known or has failed: exactly once if the result is
/// `Ok`, never if it is an error (which says why nobody can wait). Any number of waiters for one name
/// send one question.
pub fn on_ready(ticket: Ticket<'_>, waiter: Waiter) -> Result<(), Failure> {
    service::submit(&Task::of_query(&ticket.query)?, waiter)
}

/// Waits for the name behind `ticket`, no longer than the dns_* parameters allow.
pub fn wait(ticket: Ticket<'_>) -> Outcome {
    service::wait(&Task::of_query(&ticket.query)?).destinations()
}

/// The destinations of `query`; waits for them if they are not known.
#[inline]
pub fn resolve_blocking(query: Query<'_>) -> Outcome {
    match resolve(query) {
        Resolution::Ready(destinations) => Ok(destinations),
        Resolution::Failed(why) => Err(why),
        Resolution::Pending(ticket) => wait(ticket),
    }
}
