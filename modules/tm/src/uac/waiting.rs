//! Who waits for the end of a request of our own: an RPC method in one process, while the reply is taken in by
//! another. Its place is a record in shared memory, named by a number that is the callback's parameter.

use crate::decide::assumed_reason;
use crate::table;
use ser::core::module::api::tm::{TmCallback, TmCallbackId, TmEvent};
use ser::core::msg::SerError;
use ser::core::sip::FirstLine;
use ser::ipc::{Fate, LockRank, Mend, ShmStr, ShmTable, shm_static};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

ser::shm_struct! {
    struct Place {
        number: u64,
        done: bool,
        code: u16,
        reason: ShmStr,
        /// The whole reply; empty: it was only assumed.
        reply: ShmStr,
    }
}

/// Whoever waits there gives up when its time is over.
impl Mend for Place {
    fn mend(&mut self) -> Fate {
        Fate::Drop
    }
}

const BUCKETS: usize = 64;
/// Taken alone.
const RANK: LockRank = LockRank(111);

#[derive(Clone, Copy)]
struct Places {
    table: &'static ShmTable<Place>,
    next: &'static AtomicU64,
    callback: TmCallbackId,
}

static PLACES: OnceLock<Places> = OnceLock::new();

/// Makes the places; before the first fork.
pub fn init() -> Result<(), String> {
    let full = |_| "no shared memory".to_string();
    let places = Places {
        table: ShmTable::create_ranked(BUCKETS, RANK, table::tag()).map_err(full)?,
        next: shm_static(AtomicU64::new(0), table::tag()).map_err(full)?,
        callback: crate::callbacks::register("tm: told", told),
    };
    PLACES
        .set(places)
        .map_err(|_| "tm is initialised twice".into())
}

fn places() -> &'static Places {
    PLACES.get().expect("init runs before any request")
}

/// The final reply that was waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub code: u16,
    pub reason: Vec<u8>,
    /// The whole reply; empty: it was only assumed.
    pub reply: Vec<u8>,
}

/// A place that is waited at; given up when dropped.
#[derive(Debug)]
pub struct Waiting(u64);

impl Waiting {
    /// Opens one.
    pub fn open() -> Result<Waiting, SerError> {
        let places = places();
        let number = places.next.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            number,
            done: false,
            code: 0,
            reason: ShmStr::EMPTY,
            reply: ShmStr::EMPTY,
        };
        let mut bucket = places.table.bucket(number as u32).lock();
        let opened = bucket.insert(place).map(drop);
        opened.map_err(|_| SerError::OUT_OF_MEM)?;
        Ok(Waiting(number))
    }

    /// What a request needs that is waited for.
    pub fn callback(&self) -> (TmCallbackId, u64) {
        (places().callback, self.0)
    }

    /// [`ser::core::module::api::tm::UacRequest::events`] for it.
    pub const EVENTS: u16 = TmEvent::Destroyed as u16;

    /// The answer, once it is there.
    pub fn answer(&self) -> Option<Answer> {
        let bucket = places().table.bucket(self.0 as u32).lock();
        let place = bucket.find(|p| p.number == self.0 && p.done)?;
        Some(Answer {
            code: place.code,
            reason: place.reason.to_vec(),
            reply: place.reply.to_vec(),
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        remove(self.0);
    }
}

fn remove(number: u64) {
    let mut bucket = places().table.bucket(number as u32).lock();
    let place = bucket.remove(|p| p.number == number);
    drop(bucket);
    drop(place);
}

/// The callback.
fn told(told: &mut TmCallback<'_, '_>) {
    match told.event {
        TmEvent::LocalCompleted => answer(told),
        // Whoever waited has the answer, or died.
        TmEvent::Destroyed => remove(told.param),
        _ => {}
    }
}

fn answer(told: &mut TmCallback<'_, '_>) {
    let kept = |text: &[u8]| ShmStr::try_new_in(text, table::tag()).unwrap_or(ShmStr::EMPTY);
    let assumed = assumed_reason(told.code).as_bytes();
    let (reason, reply) = match &told.reply {
        Some(reply) => match *reply.sip.first() {
            FirstLine::Reply { reason, .. } => (reason, reply.buf()),
            FirstLine::Request { .. } => (assumed, reply.buf()),
        },
        None => (assumed, &b""[..]),
    };
    let (reason, reply) = (kept(reason), kept(reply));
    let mut bucket = places().table.bucket(told.param as u32).lock();
    if let Some(place) = bucket.find_mut(|p| p.number == told.param) {
        place.code = told.code;
        place.reason.replace(reason);
        place.reply.replace(reply);
        place.done = true;
    }
}
