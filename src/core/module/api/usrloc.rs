//! The API of module `usrloc`: bindings of users to contacts, by location table ("domain") and uid.
//!
//! All access to the bindings of one uid happens inside [`Usrloc::with_record`], under the lock of its
//! hash bucket: parse before, send after.

use crate::core::msg::SipMsg;
use crate::core::net::SocketInfo;

/// Flags of a contact.
#[allow(missing_docs)]
pub mod contact_flags {
    pub const NAT: u32 = 1;
    pub const INVITE: u32 = 2;
    pub const N_INVITE: u32 = 4;
    pub const MESSAGE: u32 = 8;
    pub const N_MESSAGE: u32 = 16;
    pub const SUBSCRIBE: u32 = 32;
    pub const N_SUBSCRIBE: u32 = 64;
    /// Never expires.
    pub const PERMANENT: u32 = 128;
    /// Memory only, never written to a database.
    pub const MEM: u32 = 256;
}

/// One binding, borrowed. Empty text means "none" for `received` and `instance`.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct ContactInfo<'c> {
    pub uri: &'c [u8],
    /// Address of record as registered.
    pub aor: &'c [u8],
    /// Where requests to a contact behind a NAT are sent.
    pub received: &'c [u8],
    pub instance: &'c [u8],
    pub user_agent: &'c [u8],
    pub call_id: &'c [u8],
    pub cseq: u32,
    /// Thousandths, -1 unspecified.
    pub q: i32,
    /// Unix time in seconds.
    pub expires: i64,
    /// [`contact_flags`].
    pub flags: u32,
    /// The socket the REGISTER came in on.
    pub socket: Option<&'static SocketInfo>,
    /// Attributes kept with the contact, serialized (see [`Usrloc::attributes`]).
    pub avps: &'c [u8],
}

impl ContactInfo<'_> {
    /// Whether the binding holds at `now` (unix seconds): it expires later or never.
    #[inline]
    pub fn is_valid(&self, now: i64) -> bool {
        self.expires > now || self.flags & contact_flags::PERMANENT != 0
    }
}

/// A location table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Domain(pub usize);

/// Shared memory is at its limit: nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// The bindings of one uid, locked. Positions count from 0 in list order: descending q, older first.
pub trait Record {
    /// Shows the bindings in order until `f` says `false`.
    fn for_each(&self, f: &mut dyn FnMut(usize, ContactInfo<'_>) -> bool);
    /// Adds a binding at its place in the order.
    fn insert(&mut self, contact: &ContactInfo<'_>) -> Result<(), Full>;
    /// Replaces all fields of the binding at `position`; it keeps its place.
    fn update(&mut self, position: usize, contact: &ContactInfo<'_>) -> Result<(), Full>;
    /// Removes the binding at `position`.
    fn remove(&mut self, position: usize);
    /// Removes all bindings.
    fn clear(&mut self);
}

/// What happened to a binding (SER's callback types).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum ContactEvent {
    Insert = 1,
    /// Told before the change.
    Update = 2,
    Delete = 4,
    Expire = 8,
}

/// Called with uid and binding, under the lock of the record; it must be quick and not call usrloc.
pub type ContactCallback = fn(ContactEvent, uid: &[u8], contact: &ContactInfo<'_>);

/// Offered as `"usrloc"`.
pub trait Usrloc: Send + Sync {
    /// The table of that name; created at the first request, before the first fork.
    fn register_domain(&self, name: &[u8]) -> Result<Domain, String>;
    /// Runs `f` with the bindings of `uid`, if there are any; `false` if not.
    fn with_record(&self, domain: Domain, uid: &[u8], f: &mut dyn FnMut(&mut dyn Record)) -> bool;
    /// Runs `f` with the bindings of `uid`, which may be none yet; a record left empty is removed.
    fn update_record(
        &self,
        domain: Domain,
        uid: &[u8],
        f: &mut dyn FnMut(&mut dyn Record),
    ) -> Result<(), Full>;
    /// The attributes of the message that are kept with contacts (`reg_avp_flag`), serialized.
    fn attributes<'a>(&self, msg: &SipMsg<'a>) -> &'a [u8];
    /// Registers a callback for events (bits of [`ContactEvent`]); call it from `init`.
    fn register_callback(&self, events: u8, callback: ContactCallback);
}

/// What [`super::bind`] finds under `"usrloc"`.
#[derive(Clone, Copy)]
pub struct UsrlocApi(pub &'static dyn Usrloc);
