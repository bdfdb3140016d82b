//! The destination blacklist, in shared memory (SER's dst_blacklist.c): where sending failed lately, it is
//! not tried again for a while. Off unless `use_dst_blacklist` is on; then it costs nothing while it is
//! empty.
//!
//! Invariant: an entry is read and changed under the lock of its bucket; `count` is what all buckets hold.

use super::Destination;
use crate::core::net::Proto;
use crate::core::settings::Settings;
use crate::core::stats::{Counter, count};
use crate::core::time::{self, get_ticks_raw, s_to_ticks};
use crate::ipc::{Fate, LockRank, Mend, ShmFull, ShmTable, ShmTag, shm_static};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// SER's number of buckets.
const BUCKETS: usize = 1024;
/// What an entry takes, in bytes, as counted against `dst_blacklist_mem`.
const SIZE: i64 = size_of::<Entry>() as i64 + 16;

/// Why a destination is listed; SER's bits.
pub mod reason {
    /// It is an IPv6 address (not a reason; SER keeps it here).
    pub const IS_IPV6: u8 = 1;
    /// Sending failed.
    pub const ERR_SEND: u8 = 1 << 1;
    /// No connection could be made.
    pub const ERR_CONNECT: u8 = 1 << 2;
    /// An ICMP error came back.
    pub const ICMP_RX: u8 = 1 << 3;
    /// Nobody answered.
    pub const ERR_TIMEOUT: u8 = 1 << 4;
    /// The answer was 503.
    pub const SERVICE_UNAVAILABLE: u8 = 1 << 5;
    /// An operator forbade it.
    pub const ADM_PROHIBITED: u8 = 1 << 6;
}

crate::shm_struct! {
    /// One destination that is listed.
    #[derive(Clone, Copy, Debug)]
    pub struct Entry {
        /// Where.
        pub to: Destination,
        /// Bits of [`reason`].
        pub flags: u8,
        /// Tick from which it does not count any more.
        expires: u32,
    }
}

crate::shm_struct! {
    struct Head {
        count: AtomicI64,
    }
}

/// A destination that is not listed is merely tried.
impl Mend for Entry {
    fn mend(&mut self) -> Fate {
        Fate::Drop
    }
}

struct Blacklist {
    table: &'static ShmTable<Entry>,
    head: &'static Head,
    max_bytes: i64,
    /// Ticks.
    expire: u32,
}

static BLACKLIST: OnceLock<Blacklist> = OnceLock::new();

impl Entry {
    fn left(&self, now: u32) -> i32 {
        self.expires.wrapping_sub(now).cast_signed()
    }

    /// Seconds left; 0: it does not count any more.
    pub fn seconds_left(&self) -> u32 {
        time::ticks_to_s(self.left(get_ticks_raw()).max(0).cast_unsigned())
    }
}

/// Makes it if it is switched on; in the attendant, before the first fork.
pub(super) fn create(settings: &Settings) -> Result<(), String> {
    if !settings.use_dst_blacklist {
        return Ok(());
    }
    let list = Blacklist::new(settings);
    let list = list.map_err(|_| "out of shared memory for the destination blacklist")?;
    BLACKLIST.get_or_init(|| list);
    match settings.dst_blacklist_gc_interval {
        0 => Ok(()),
        interval => time::register_timer("dst blacklist: expire", sweep, 0, interval),
    }
}

fn sweep(_seconds: u32, _param: u64) {
    if let Some(list) = BLACKLIST.get() {
        list.sweep(get_ticks_raw());
    }
}

/// Whether `to` is listed now.
#[inline]
pub fn is_blacklisted(to: &Destination) -> bool {
    let list = BLACKLIST.get();
    let listed = list.is_some_and(|list| list.flags(to, get_ticks_raw()).is_some());
    if listed {
        count(Counter::BlacklistHits);
    }
    listed
}

/// Lists `to` for `dst_blacklist_expire` seconds because of `why` (a bit of [`reason`]); again if it is
/// listed already. Nothing happens where the list is off or full.
pub fn add(to: &Destination, why: u8) {
    if let Some(list) = BLACKLIST.get() {
        list.add(to, why, get_ticks_raw());
    }
}

/// Bytes in use and bytes that may be; `None`: it is off.
pub fn memory() -> Option<(i64, i64)> {
    let list = BLACKLIST.get()?;
    let count = list.head.count.load(Ordering::Relaxed);
    Some((count * SIZE, list.max_bytes))
}

/// How many destinations are listed, expired ones that were not removed yet among them; `None`: it is off.
pub(super) fn len() -> Option<i64> {
    let list = BLACKLIST.get()?;
    Some(list.head.count.load(Ordering::Relaxed))
}

/// All entries that count now; `None`: it is off.
pub fn entries() -> Option<Vec<Entry>> {
    let now = get_ticks_raw();
    let mut all = Vec::new();
    for bucket in BLACKLIST.get()?.table.iter_buckets() {
        if !bucket.looks_empty() {
            all.extend(bucket.lock().iter().filter(|e| e.left(now) > 0));
        }
    }
    Some(all)
}

/// Empties it; returns how much there was.
pub fn clear() -> usize {
    BLACKLIST.get().map_or(0, |list| list.retain(|_| false))
}

/// In the attendant, when the locks of processes that died were released: counts anew.
pub(super) fn recount() {
    if let Some(list) = BLACKLIST.get() {
        let buckets = list.table.iter_buckets();
        let count: usize = buckets.map(|bucket| bucket.lock().iter().count()).sum();
        list.head.count.store(count as i64, Ordering::Relaxed);
    }
}

impl Blacklist {
    fn new(settings: &Settings) -> Result<Blacklist, ShmFull> {
        let tag = ShmTag::register("dst blacklist");
        let head = Head {
            count: AtomicI64::new(0),
        };
        Ok(Blacklist {
            table: ShmTable::create_ranked(BUCKETS, LockRank::BLACKLIST, tag)?,
            head: shm_static(head, tag)?,
            max_bytes: i64::from(settings.dst_blacklist_mem) * 1024,
            expire: s_to_ticks(settings.dst_blacklist_expire).min(i32::MAX as u32),
        })
    }

    fn index(&self, to: &Destination) -> usize {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let hash = hasher.hash_one((to.ip, to.port, to.proto));
        self.table.index(hash as u32)
    }

    fn flags(&self, to: &Destination, now: u32) -> Option<u8> {
        if self.head.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let bucket = self.table.bucket_at(self.index(to));
        if bucket.looks_empty() {
            return None;
        }
        let bucket = bucket.lock();
        let entry = bucket.find(|e| e.to == *to)?;
        (entry.left(now) > 0).then_some(entry.flags)
    }

    fn add(&self, to: &Destination, why: u8, now: u32) {
        if to.proto == Proto::None || self.expire == 0 {
            return;
        }
        let expires = now.wrapping_add(self.expire);
        let is_new = {
            let mut bucket = self.table.bucket_at(self.index(to)).lock();
            match bucket.find_mut(|e| e.to == *to) {
                Some(entry) => {
                    (entry.flags, entry.expires) = (entry.flags | why, expires);
                    false
                }
                None => true,
            }
        };
        if is_new {
            self.insert(to, why, expires, now);
        }
    }

    fn insert(&self, to: &Destination, why: u8, expires: u32, now: u32) {
        if !self.has_room() {
            self.sweep(now);
        }
        let family = match to.ip {
            IpAddr::V4(_) => 0,
            IpAddr::V6(_) => reason::IS_IPV6,
        };
        let entry = Entry {
            to: *to,
            flags: why | family,
            expires,
        };
        let mut bucket = self.table.bucket_at(self.index(to)).lock();
        if !self.has_room() || bucket.insert(entry).is_err() {
            log::warn!(
                "WARNING: destination blacklist full, {} not listed",
                to.addr()
            );
            return;
        }
        self.head.count.fetch_add(1, Ordering::Relaxed);
    }

    fn has_room(&self) -> bool {
        (self.head.count.load(Ordering::Relaxed) + 1) * SIZE <= self.max_bytes
    }

    fn sweep(&self, now: u32) -> usize {
        self.retain(|entry| entry.left(now) > 0)
    }

    fn retain(&self, keep: impl Fn(&Entry) -> bool) -> usize {
        let mut gone = 0;
        for bucket in self.table.iter_buckets().filter(|b| !b.looks_empty()) {
            bucket.lock().retain(|entry| {
                let stays = keep(entry);
                gone += usize::from(!stays);
                stays
            });
        }
        self.head.count.fetch_sub(gone as i64, Ordering::Relaxed);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    fn list(change: impl FnOnce(&mut Settings)) -> Blacklist {
        test_segment();
        let mut settings = Settings::default();
        change(&mut settings);
        Blacklist::new(&settings).expect("memory")
    }

    fn to(n: u16) -> Destination {
        Destination {
            ip: [192, 0, 2, 1].into(),
            proto: Proto::Udp,
            port: n,
        }
    }

    #[test]
    fn a_destination_is_listed_for_a_while_and_by_all_three_of_its_parts() {
        let list = list(|s| s.dst_blacklist_expire = 10);
        assert_eq!(list.flags(&to(1), 0), None);
        list.add(&to(1), reason::ERR_SEND, 0);
        assert_eq!(list.flags(&to(1), 159), Some(reason::ERR_SEND));
        assert_eq!(list.flags(&to(1), 160), None);
        assert_eq!(list.flags(&to(2), 1), None);
        let tcp = Destination {
            proto: Proto::Tcp,
            ..to(1)
        };
        assert_eq!(list.flags(&tcp, 1), None);
        list.add(&to(1), reason::ERR_TIMEOUT, 100);
        assert_eq!(list.flags(&to(1), 200), Some(0b1_0010));
        assert_eq!(list.sweep(200), 0);
        assert_eq!(list.sweep(260), 1);
        assert_eq!(list.head.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn memory_is_bounded_and_what_has_expired_makes_room() {
        let list = list(|s| {
            s.dst_blacklist_mem = 1;
            s.dst_blacklist_expire = 1;
        });
        for n in 1..200 {
            list.add(&to(n), reason::ERR_SEND, 0);
        }
        let count = list.head.count.load(Ordering::Relaxed);
        assert!(count > 5 && count * SIZE <= 1024, "{count}");
        assert_eq!(list.flags(&to(199), 1), None);
        list.add(&to(199), reason::ERR_SEND, 100);
        assert!(list.flags(&to(199), 101).is_some());
        assert_eq!(list.head.count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_ipv6_address_is_marked_as_such() {
        let list = list(|_| {});
        let six = Destination {
            ip: "2001:db8::1".parse().unwrap(),
            ..to(1)
        };
        list.add(&six, reason::ERR_SEND, 0);
        let flags = reason::ERR_SEND | reason::IS_IPV6;
        assert_eq!(list.flags(&six, 1), Some(flags));
    }
}
