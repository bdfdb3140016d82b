//! Removes bindings that have expired, every `timer_interval` seconds, in the slow timer process.

use crate::domain::{self, Table, User};
use crate::params::TIMER_INTERVAL;
use crate::record::tell;
use ser::core::module::api::usrloc::ContactEvent;
use ser::core::time;
use std::sync::atomic::Ordering;

/// Arms the timer.
pub fn init() -> Result<(), String> {
    time::register_timer(
        "usrloc: expire",
        on_timer,
        0,
        TIMER_INTERVAL.get().unsigned_abs() as u32,
    )
}

fn on_timer(_: u32, _: u64) {
    sweep_all();
}

/// One sweep over all tables; a bucket is locked only while it is looked at.
pub fn sweep_all() {
    let now = time::unix_time();
    for table in domain::all() {
        sweep(table, now);
    }
}

fn sweep(table: &Table, now: i64) {
    for bucket in table.users.iter_buckets().filter(|b| !b.looks_empty()) {
        bucket.lock().retain(|user| {
            let gone = expire(user, now);
            table.counters.expired.fetch_add(gone, Ordering::Relaxed);
            !user.contacts.is_empty()
        });
    }
}

/// Drops the user's expired bindings; how many.
fn expire(user: &mut User, now: i64) -> i64 {
    let mut gone = 0;
    let User { uid, contacts } = user;
    contacts.retain(|contact| {
        let info = contact.info();
        let keep = info.is_valid(now);
        if !keep {
            let (uid_text, uri) = (
                String::from_utf8_lossy(uid),
                String::from_utf8_lossy(info.uri),
            );
            ser::core::log::notice!("Binding '{uid_text}','{uri}' has expired");
            tell(ContactEvent::Expire, uid, contact);
            gone += 1;
        }
        keep
    });
    gone
}
