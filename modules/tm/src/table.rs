//! The table of transactions: 65536 buckets by Call-ID and CSeq number, a lock each.
//!
//! A transaction is named by [`TxId`] and looked up under its bucket's lock each time; nobody keeps a
//! pointer to one. One that ended is simply not found.

use crate::tick::NEVER;
use crate::transaction::Transaction;
use ser::core::module::api::tm::TransactionId;
use ser::core::process::key_of;
use ser::ipc::{BucketGuard, LockRank, Removed, ShmTable, ShmTag};
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Number of buckets (SER: TM_TABLE_ENTRIES); the index is part of our branches.
pub const BUCKETS: usize = 1 << 16;
/// Above nothing of ours; taken alone.
const RANK: LockRank = LockRank(110);

/// The name of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TxId {
    /// Bucket.
    pub index: u16,
    /// Unique in the bucket.
    pub uid: u32,
}

impl TxId {
    /// As one number, for timers.
    pub fn to_data(self) -> u64 {
        u64::from(self.index) << 32 | u64::from(self.uid)
    }

    /// Back from [`TxId::to_data`].
    pub fn from_data(data: u64) -> TxId {
        TxId {
            index: (data >> 32) as u16,
            uid: data as u32,
        }
    }
}

/// As other modules know it.
impl From<TxId> for TransactionId {
    fn from(id: TxId) -> TransactionId {
        TransactionId {
            index: id.index,
            label: id.uid,
        }
    }
}

impl From<TransactionId> for TxId {
    fn from(id: TransactionId) -> TxId {
        TxId {
            index: id.index,
            uid: id.label,
        }
    }
}

static TABLE: OnceLock<&'static ShmTable<Transaction>> = OnceLock::new();
static TAG: OnceLock<ShmTag> = OnceLock::new();

/// Makes the table; before the first fork.
pub fn init() -> Result<(), String> {
    let tag = *TAG.get_or_init(|| ShmTag::register("tm"));
    let table = ShmTable::create_ranked(BUCKETS, RANK, tag).map_err(|_| "no shared memory")?;
    let _ = TABLE.set(table);
    Ok(())
}

/// What the module's shared memory is counted under.
#[inline]
pub fn tag() -> ShmTag {
    *TAG.get().expect("init runs before any message")
}

/// All of it.
pub fn all() -> &'static ShmTable<Transaction> {
    TABLE.get().expect("init runs before any message")
}

/// How many transactions there are, and how many of them have ended and linger; a walk over the table.
pub fn count() -> (usize, usize) {
    let mut counts = (0, 0);
    for bucket in all().iter_buckets().filter(|b| !b.looks_empty()) {
        for t in bucket.lock().iter() {
            counts.0 += 1;
            counts.1 += usize::from(t.wait_at != NEVER);
        }
    }
    counts
}

/// The keys of all transactions, for a program that takes over and cannot go on with them.
pub fn unfinished(keys: &mut Vec<u64>) {
    for bucket in all().iter_buckets().filter(|b| !b.looks_empty()) {
        keys.extend(bucket.lock().iter().filter_map(|t| key_of(&t.request)));
    }
}

/// The locked bucket.
#[inline]
pub fn lock(index: u16) -> BucketGuard<'static, Transaction> {
    all().bucket_at(index.into()).lock()
}

/// Runs `f` on a transaction under its lock; `None` if it has ended.
pub fn with<R>(id: TxId, f: impl FnOnce(&mut Transaction) -> R) -> Option<R> {
    let mut bucket = lock(id.index);
    let t = bucket.find_mut(|t| t.uid == id.uid)?;
    Some(f(t))
}

/// Takes a transaction out of the table; it is dropped by the caller after the lock was released, because its
/// timers may have to wait for a handler.
pub fn remove(id: TxId) -> Option<Removed<Transaction>> {
    let mut bucket = lock(id.index);
    bucket.take_out(|t| t.uid == id.uid)
}

thread_local! {
    static LABEL: Cell<Option<u32>> = const { Cell::new(None) };
}

/// A number that no transaction of the bucket has.
pub fn new_uid(bucket: &BucketGuard<'_, Transaction>) -> u32 {
    // Children begin elsewhere each, and after a restart somewhere else again.
    let start = || RandomState::new().hash_one((std::process::id(), "label")) as u32;
    let mut uid = LABEL.get().unwrap_or_else(start);
    loop {
        uid = uid.wrapping_add(1);
        if bucket.find(|t| t.uid == uid).is_none() {
            break;
        }
    }
    LABEL.set(Some(uid));
    uid
}
