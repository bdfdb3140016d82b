//! The cache of record sets, in shared memory: read by every process, filled by whoever resolves
//! (SER's dns_cache.c).
//!
//! Invariant: an entry is read and changed under the lock of its bucket; its size is counted in `used`
//! from insertion to removal. Memory that cannot be had means that something is not kept, no more.

use super::Failure;
use super::name::HostName;
use super::records::{Question, RecordSet, RecordType};
use super::walk::Known;
use crate::core::settings::Settings;
use crate::core::time::{TICKS_HZ, s_to_ticks};
use crate::ipc::{
    BucketGuard, Fate, LockRank, Mend, ShmFull, ShmStr, ShmTable, ShmTag, shm_static,
};
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// SER's number of buckets.
const BUCKETS: usize = 1024;
/// What an entry takes beside name and records, in bytes.
const OVERHEAD: usize = size_of::<Entry>() + 16;
/// An error of the name servers is not kept longer than this, in seconds: they may be back soon.
const MAX_ERROR_TTL: u32 = 10;
/// Longest time to live in seconds; ticks wrap.
const MAX_TTL: u32 = (i32::MAX as u32) / TICKS_HZ;

crate::shm_struct! {
    /// What is known of one question.
    pub(super) struct Entry {
        pub name: ShmStr,
        pub rtype: RecordType,
        /// There are no records, and why.
        pub failure: Option<Failure>,
        /// Packed records.
        pub set: ShmStr,
        /// Tick from which it does not count any more.
        pub expires: u32,
        /// Tick at which it was last looked at.
        pub used: AtomicU32,
    }
}

impl Entry {
    /// In bytes, as counted against `dns_cache_mem`.
    pub fn size(&self) -> usize {
        OVERHEAD + self.name.len() + self.set.len()
    }

    fn is(&self, question: &Question) -> bool {
        self.rtype == question.rtype && self.name == *question.name.as_bytes()
    }

    /// Ticks left at `now`; zero or negative: it does not count any more.
    pub fn left(&self, now: u32) -> i32 {
        self.expires.wrapping_sub(now).cast_signed()
    }

    /// Ticks since it was last looked at.
    pub fn idle(&self, now: u32) -> u32 {
        now.wrapping_sub(self.used.load(Ordering::Relaxed))
    }

    /// The records.
    pub fn records(&self) -> RecordSet<'_> {
        RecordSet::new(self.rtype, &self.set)
    }

    fn known(&self) -> Known<'_> {
        match self.failure {
            Some(why) => Known::Nothing(why),
            None => Known::Records(self.records()),
        }
    }
}

crate::shm_struct! {
    struct Head {
        /// So that nobody can choose names that all fall into one bucket.
        seed: u64,
        used: AtomicI64,
    }
}

/// The limits, from the parameters.
#[derive(Clone, Debug)]
struct Limits {
    max_bytes: i64,
    min_ttl: u32,
    max_ttl: u32,
    negative_ttl: u32,
    may_evict: bool,
}

/// What the resolver learned about a question.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// The packed records, or why there are none.
    pub set: Result<Vec<u8>, Failure>,
    /// How long it is true, in seconds; `None`: nobody said.
    pub ttl: Option<u32>,
}

/// The cache.
#[derive(Clone)]
pub(super) struct Cache {
    table: &'static ShmTable<Entry>,
    head: &'static Head,
    tag: ShmTag,
    limits: Limits,
}

impl Cache {
    /// Before the first fork.
    pub fn create(settings: &Settings) -> Result<Cache, ShmFull> {
        let tag = ShmTag::register("dns cache");
        let head = Head {
            seed: super::random::unguessable(),
            used: AtomicI64::new(0),
        };
        let max_ttl = settings.dns_cache_max_ttl.min(MAX_TTL);
        Ok(Cache {
            table: ShmTable::create_ranked(BUCKETS, LockRank::DNS_CACHE, tag)?,
            head: shm_static(head, tag)?,
            tag,
            limits: Limits {
                max_bytes: i64::from(settings.dns_cache_mem) * 1024,
                min_ttl: settings.dns_cache_min_ttl.min(max_ttl),
                max_ttl,
                negative_ttl: settings.dns_cache_negative_ttl.min(MAX_TTL),
                may_evict: settings.dns_cache_del_nonexp,
            },
        })
    }

    fn bucket(&self, name: &HostName) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.head.seed);
        hasher.write(name.as_bytes());
        self.table.index(hasher.finish() as u32)
    }

    /// Shows what is known of a question at tick `now`; false if that is nothing.
    pub fn look(&self, question: &Question, now: u32, see: &mut dyn FnMut(Known<'_>)) -> bool {
        let bucket = self.table.bucket_at(self.bucket(&question.name));
        if bucket.looks_empty() {
            return false;
        }
        let bucket = bucket.lock();
        let Some(entry) = bucket.find(|e| e.is(question)) else {
            return false;
        };
        if entry.left(now) <= 0 {
            return false;
        }
        entry.used.store(now, Ordering::Relaxed);
        see(entry.known());
        true
    }

    /// Keeps a fact from tick `now` on, in the place of what was known before.
    pub fn keep(&self, question: &Question, fact: &Fact, now: u32) {
        let index = self.bucket(&question.name);
        self.forget(index, |e| e.is(question));
        let ttl = self.ttl(fact);
        if ttl == 0 {
            return;
        }
        let bytes = fact.set.as_deref().unwrap_or_default();
        let size = OVERHEAD + question.name.as_bytes().len() + bytes.len();
        if !self.make_room(size as i64, now) {
            log::warn!("WARNING: dns cache full, {} is not kept", question.name);
            return;
        }
        if self
            .insert(index, question, fact, now, s_to_ticks(ttl))
            .is_err()
        {
            log::error!("ERROR: out of shared memory, {} is not kept", question.name);
        }
    }

    fn insert(
        &self,
        index: usize,
        question: &Question,
        fact: &Fact,
        now: u32,
        ttl: u32,
    ) -> Result<(), ShmFull> {
        let bytes = fact.set.as_deref().unwrap_or_default();
        let entry = Entry {
            name: ShmStr::try_new_in(question.name.as_bytes(), self.tag)?,
            rtype: question.rtype,
            failure: fact.set.as_ref().err().copied(),
            set: ShmStr::try_new_in(bytes, self.tag)?,
            expires: now.wrapping_add(ttl),
            used: AtomicU32::new(now),
        };
        let size = entry.size() as i64;
        self.table.bucket_at(index).lock().insert(entry)?;
        self.head.used.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    /// How long a fact is kept, in seconds.
    fn ttl(&self, fact: &Fact) -> u32 {
        let limits = &self.limits;
        match &fact.set {
            Ok(_) => fact.ttl.unwrap_or(0).clamp(limits.min_ttl, limits.max_ttl),
            Err(Failure::NoSuchName | Failure::NoAddress) => {
                fact.ttl.unwrap_or(u32::MAX).min(limits.negative_ttl)
            }
            Err(_) => limits.negative_ttl.min(MAX_ERROR_TTL),
        }
    }

    /// Removes from a bucket what `goes`; returns how much there was.
    fn forget(&self, index: usize, goes: impl FnMut(&Entry) -> bool) -> usize {
        let bucket = self.table.bucket_at(index);
        if bucket.looks_empty() {
            return 0;
        }
        self.forget_in(&mut bucket.lock(), goes)
    }

    fn forget_in(
        &self,
        bucket: &mut BucketGuard<'_, Entry>,
        mut goes: impl FnMut(&Entry) -> bool,
    ) -> usize {
        let (mut size, mut count) = (0, 0);
        bucket.retain(|entry| {
            let gone = goes(entry);
            if gone {
                (size, count) = (size + entry.size() as i64, count + 1);
            }
            !gone
        });
        self.head.used.fetch_sub(size, Ordering::Relaxed);
        count
    }

    /// Removes what has expired at `now`; returns how much there was.
    pub fn collect_garbage(&self, now: u32) -> usize {
        self.forget_all(|entry| entry.left(now) <= 0)
    }

    /// Removes everything that `goes`; returns how much there was.
    pub fn forget_all(&self, mut goes: impl FnMut(&Entry) -> bool) -> usize {
        (0..self.table.buckets())
            .map(|index| self.forget(index, &mut goes))
            .sum()
    }

    /// Frees what has expired, then an eighth of the cache: what was not looked at for the longest time
    /// (if `dns_cache_del_nonexp` allows it). False if there is no room for `size` bytes all the same.
    fn make_room(&self, size: i64, now: u32) -> bool {
        let fits = || self.used() + size <= self.limits.max_bytes;
        if fits() {
            return true;
        }
        self.collect_garbage(now);
        if !fits() && self.limits.may_evict && size <= self.limits.max_bytes {
            self.evict(size.max(self.limits.max_bytes / 8), now);
        }
        fits()
    }

    fn evict(&self, bytes: i64, now: u32) {
        let mut ages = Vec::new();
        for bucket in self.table.iter_buckets().filter(|b| !b.looks_empty()) {
            let bucket = bucket.lock();
            ages.extend(bucket.iter().map(|e| (e.idle(now), e.size() as i64)));
        }
        ages.sort_unstable_by_key(|(idle, _)| std::cmp::Reverse(*idle));
        let mut freed = 0;
        let enough = ages.iter().find(|(_, size)| {
            freed += size;
            freed >= bytes
        });
        let oldest_kept = enough.map_or(0, |(idle, _)| *idle);
        let mut left = bytes;
        self.forget_all(|entry| {
            let goes = left > 0 && entry.idle(now) >= oldest_kept;
            left -= if goes { entry.size() as i64 } else { 0 };
            goes
        });
    }

    /// Bytes in use.
    pub fn used(&self) -> i64 {
        self.head.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be in use.
    pub fn max(&self) -> i64 {
        self.limits.max_bytes
    }

    /// Shows every entry.
    pub fn for_each(&self, mut see: impl FnMut(&Entry)) {
        for bucket in self.table.iter_buckets().filter(|b| !b.looks_empty()) {
            bucket.lock().iter().for_each(&mut see);
        }
    }

    /// In the attendant, when the locks of processes that died were released: counts anew.
    pub fn recount(&self) {
        let mut used = 0;
        self.for_each(|entry| used += entry.size() as i64);
        self.head.used.store(used, Ordering::Relaxed);
    }
}

/// What is lost is asked for again.
impl Mend for Entry {
    fn mend(&mut self) -> Fate {
        Fate::Drop
    }
}

#[cfg(test)]
mod tests;
