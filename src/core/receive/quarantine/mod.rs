//! Quarantine: a message that two processes died of is dropped when it comes again, before anything looks into it.
//!
//! The attendant notes each message that a process died of; the second death puts it into quarantine, until it has not
//! come for `quarantine_expire` seconds, or an operator lets it out. While nothing is in quarantine, that costs
//! a message one load.
//!
//! Invariant: the attendant alone takes places and counts those that are in quarantine; others only free a place, by
//! storing 0 in its fingerprint. `active` may so be too high until the attendant looks again, never too low.

mod fingerprint;
mod rpc;

pub use fingerprint::Fingerprint;
pub(in crate::core) use rpc::METHODS;

use crate::core::settings;
use crate::core::stats::{Counter, count};
use crate::core::time::seconds_since_boot;
use crate::ipc::{ShmFull, ShmTag, TextCell, shm_static};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// So many messages can be known at a time, suspects among them.
const PLACES: usize = 32;
/// So many deaths put a message into quarantine.
const DEADLY: u32 = 2;

crate::shm_struct! {
    struct Ward {
        /// How many places hold a message in quarantine.
        active: AtomicU32,
        places: [Place; PLACES],
    }
}

crate::shm_struct! {
    /// A message that somebody died of.
    struct Place {
        /// Its [`Fingerprint`]; 0: the place is free.
        fingerprint: AtomicU64,
        deaths: AtomicU32,
        dropped: AtomicU64,
        /// When it is forgotten, in seconds since the machine was started.
        expires: AtomicU64,
        source: TextCell,
        method: TextCell,
        call_id: TextCell,
    }
}

static WARD: OnceLock<&'static Ward> = OnceLock::new();

/// A message that is known, as an operator is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Suspect {
    pub fingerprint: Fingerprint,
    pub source: String,
    pub method: String,
    pub call_id: String,
    /// How many processes died of it.
    pub deaths: u32,
    /// How often it came since it is in quarantine.
    pub dropped: u64,
    /// Seconds until it is forgotten, unless it comes again.
    pub expires: u64,
}

/// What is noted of a message that a process died of.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Death<'m> {
    pub message: &'m [u8],
    pub source: &'m str,
    pub method: &'m str,
    pub call_id: &'m str,
}

/// Makes the table; before the first fork. Without `quarantine_expire` there is none.
pub(in crate::core) fn create() -> Result<(), ShmFull> {
    if settings::get().quarantine_expire != 0 {
        Fingerprint::choose_key()?;
        let ward = shm_static(Ward::new(), ShmTag::CORE)?;
        WARD.get_or_init(|| ward);
    }
    Ok(())
}

/// Whether the message is in quarantine: then it is counted, and has to be dropped.
#[inline]
pub(super) fn holds(message: &[u8]) -> bool {
    match WARD.get() {
        Some(ward) if ward.active.load(Ordering::Relaxed) != 0 => ward.stops(message),
        Some(_) | None => false,
    }
}

/// In the attendant: a process died of this message. Its fingerprint, once it is in quarantine.
pub(in crate::core) fn note_death(death: &Death<'_>) -> Option<Fingerprint> {
    let ward = WARD.get()?;
    let fingerprint = Fingerprint::of(death.message);
    let deaths = ward.note(fingerprint, death, seconds_since_boot());
    ward.count_active();
    (deaths >= DEADLY).then_some(fingerprint)
}

/// In the attendant: forgets what has expired. How long until there is something to forget; `None`: nothing is known.
pub(in crate::core) fn sweep() -> Option<Duration> {
    let seconds = WARD.get()?.sweep(seconds_since_boot())?;
    Some(Duration::from_secs(seconds))
}

/// All messages that are known.
fn list() -> Vec<Suspect> {
    let now = seconds_since_boot();
    let places = WARD.get().map_or(&[][..], |ward| &ward.places);
    places.iter().filter_map(|place| place.read(now)).collect()
}

/// Lets one message out, or all; how many.
fn clear(which: Option<Fingerprint>) -> usize {
    let places = WARD.get().map_or(&[][..], |ward| &ward.places);
    let let_out = |place: &&Place| {
        let held = place.fingerprint();
        held.is_some_and(|held| which.is_none_or(|wanted| wanted == held) && place.free(held))
    };
    places.iter().filter(let_out).count()
}

impl Ward {
    const fn new() -> Ward {
        Ward {
            active: AtomicU32::new(0),
            places: [const { Place::new() }; PLACES],
        }
    }

    #[cold]
    fn stops(&self, message: &[u8]) -> bool {
        let (mut own, now) = (None, seconds_since_boot());
        let mut is_it = |held: Fingerprint| {
            held.may_be(message) && held == *own.get_or_insert_with(|| Fingerprint::of(message))
        };
        let stops = |p: &&Place| p.is_quarantined() && !p.is_over(now);
        let mut places = self.places.iter().filter(stops);
        let Some(place) = places.find(|p| p.fingerprint().is_some_and(&mut is_it)) else {
            return false;
        };
        count(Counter::DropQuarantine);
        place.dropped.fetch_add(1, Ordering::Relaxed);
        place.expire_after(now);
        true
    }

    /// Returns how many died of it until now.
    fn note(&self, fingerprint: Fingerprint, death: &Death<'_>, now: u64) -> u32 {
        let known = |p: &&Place| p.fingerprint() == Some(fingerprint) && !p.is_over(now);
        let place = match self.places.iter().find(known) {
            Some(place) => place,
            None => {
                let place = self.least_needed(now);
                place.take(fingerprint, death);
                place
            }
        };
        place.expire_after(now);
        place.deaths.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A free place, else that of the suspect, else of the message in quarantine, that expires first.
    fn least_needed(&self, now: u64) -> &Place {
        let need = |place: &&Place| match place.fingerprint() {
            Some(_) if !place.is_over(now) => {
                let expires = place.expires.load(Ordering::Relaxed);
                (1 + u32::from(place.is_quarantined()), expires)
            }
            Some(_) | None => (0, 0),
        };
        let least = self.places.iter().min_by_key(need);
        least.unwrap_or(&self.places[0])
    }

    fn count_active(&self) {
        let held = |place: &&Place| place.fingerprint().is_some() && place.is_quarantined();
        let active = self.places.iter().filter(held).count();
        self.active.store(active as u32, Ordering::Relaxed);
    }

    /// Returns the seconds until the next one expires.
    fn sweep(&self, now: u64) -> Option<u64> {
        for place in &self.places {
            if let Some(held) = place.fingerprint().filter(|_| place.is_over(now)) {
                place.free(held);
            }
        }
        self.count_active();
        let held = self.places.iter().filter(|p| p.fingerprint().is_some());
        let expires = held
            .map(|place| place.expires.load(Ordering::Relaxed))
            .min()?;
        Some(expires.saturating_sub(now).max(1))
    }
}

impl Place {
    const fn new() -> Place {
        Place {
            fingerprint: AtomicU64::new(0),
            deaths: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
            expires: AtomicU64::new(0),
            source: TextCell::new(),
            method: TextCell::new(),
            call_id: TextCell::new(),
        }
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Fingerprint::from_word(self.fingerprint.load(Ordering::Acquire))
    }

    fn is_quarantined(&self) -> bool {
        self.deaths.load(Ordering::Relaxed) >= DEADLY
    }

    fn is_over(&self, now: u64) -> bool {
        self.expires.load(Ordering::Relaxed) <= now
    }

    fn expire_after(&self, now: u64) {
        let expires = now + u64::from(settings::get().quarantine_expire);
        self.expires.store(expires, Ordering::Relaxed);
    }

    /// Gives the place to another message.
    fn take(&self, fingerprint: Fingerprint, death: &Death<'_>) {
        self.fingerprint.store(0, Ordering::Release);
        self.deaths.store(0, Ordering::Relaxed);
        self.dropped.store(0, Ordering::Relaxed);
        self.source.set(death.source);
        self.method.set(death.method);
        self.call_id.set(death.call_id);
        self.fingerprint
            .store(fingerprint.to_word(), Ordering::Release);
    }

    /// False: somebody was quicker.
    fn free(&self, held: Fingerprint) -> bool {
        let word = held.to_word();
        self.fingerprint
            .compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    fn read(&self, now: u64) -> Option<Suspect> {
        let fingerprint = self.fingerprint().filter(|_| !self.is_over(now))?;
        let suspect = Suspect {
            fingerprint,
            source: self.source.get(),
            method: self.method.get(),
            call_id: self.call_id.get(),
            deaths: self.deaths.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            expires: self.expires.load(Ordering::Relaxed).saturating_sub(now),
        };
        // Meanwhile the place may have gone to another message.
        (self.fingerprint() == Some(fingerprint)).then_some(suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(message: &[u8]) -> Death<'_> {
        Death {
            message,
            source: "10.0.0.1:5060",
            method: "INVITE",
            call_id: "abc",
        }
    }

    /// What [`note_death`] does, at a time of the test's choice.
    fn die(ward: &Ward, message: &[u8], now: u64) -> u32 {
        let deaths = ward.note(Fingerprint::of(message), &death(message), now);
        ward.count_active();
        deaths
    }

    #[test]
    fn a_message_that_two_died_of_is_stopped_and_no_other() {
        let ward = Ward::new();
        let now = seconds_since_boot();
        assert_eq!(die(&ward, b"deadly", now), 1);
        assert_eq!(die(&ward, b"suspect", now), 1);
        assert_eq!(ward.active.load(Ordering::Relaxed), 0);
        assert_eq!(die(&ward, b"deadly", now), 2);
        assert_eq!(ward.active.load(Ordering::Relaxed), 1);
        assert!(ward.stops(b"deadly") && ward.stops(b"deadly"));
        assert!(!ward.stops(b"suspect") && !ward.stops(b"dEadly") && !ward.stops(b""));
        let shown: Vec<_> = ward.places.iter().filter_map(|p| p.read(now)).collect();
        assert_eq!(shown.len(), 2);
        let shown = shown.iter().find(|s| s.deaths == 2).unwrap();
        assert_eq!((shown.dropped, shown.call_id.as_str()), (2, "abc"));
    }

    #[test]
    fn it_is_forgotten_when_it_has_not_come_for_the_time_of_quarantine() {
        let ward = Ward::new();
        let expire = u64::from(settings::get().quarantine_expire);
        assert_eq!(ward.sweep(0), None);
        die(&ward, b"deadly", 100);
        die(&ward, b"deadly", 110);
        assert_eq!(ward.sweep(111), Some(expire - 1));
        let later = 110 + expire;
        // From the beginning again, also before the attendant has looked.
        assert_eq!(die(&ward, b"deadly", later), 1);
        assert_eq!(ward.active.load(Ordering::Relaxed), 0);
        assert_eq!(ward.sweep(later + expire), None);
    }

    #[test]
    fn when_all_places_are_taken_suspects_leave_before_messages_in_quarantine() {
        let ward = Ward::new();
        let name = |i: usize| format!("message {i:04}").into_bytes();
        for i in 0..PLACES / 2 {
            die(&ward, &name(i), 100);
            die(&ward, &name(i), 100);
        }
        for i in PLACES / 2..3 * PLACES {
            die(&ward, &name(i), 100 + i as u64);
        }
        let held = ward.active.load(Ordering::Relaxed);
        assert_eq!(held as usize, PLACES / 2);
        assert_eq!(die(&ward, &name(3 * PLACES - 1), 400), 2);
    }
}
