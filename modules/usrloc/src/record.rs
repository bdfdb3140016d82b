//! The bindings of one user under their lock, and the callbacks that other modules hang on changes.

use crate::contact::Contact;
use crate::domain::User;
use crate::params::DESC_TIME_ORDER;
use ser::core::module::api::usrloc::{ContactCallback, ContactEvent, ContactInfo, Full, Record};
use ser::ipc::ShmTag;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const MAX_CALLBACKS: usize = 16;
static CALLBACKS: [OnceLock<(u8, ContactCallback)>; MAX_CALLBACKS] =
    [const { OnceLock::new() }; MAX_CALLBACKS];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Registers a callback; before the first fork.
pub fn register_callback(events: u8, callback: ContactCallback) {
    let index = COUNT.fetch_add(1, Ordering::Relaxed);
    match CALLBACKS.get(index) {
        Some(place) => {
            let _ = place.set((events, callback));
        }
        None => log::error!("usrloc: more than {MAX_CALLBACKS} callbacks, this one is not called"),
    }
}

/// Tells the callbacks that want to know.
pub fn tell(event: ContactEvent, uid: &[u8], contact: &Contact) {
    let count = COUNT.load(Ordering::Relaxed).min(MAX_CALLBACKS);
    for (events, callback) in CALLBACKS[..count].iter().filter_map(OnceLock::get) {
        if events & event as u8 != 0 {
            callback(event, uid, &contact.info());
        }
    }
}

/// A user whose bucket is locked.
pub struct Locked<'g> {
    pub user: &'g mut User,
    pub tag: ShmTag,
}

impl Record for Locked<'_> {
    fn for_each(&self, f: &mut dyn FnMut(usize, ContactInfo<'_>) -> bool) {
        for (position, contact) in self.user.contacts.iter().enumerate() {
            if !f(position, contact.info()) {
                break;
            }
        }
    }

    fn insert(&mut self, info: &ContactInfo<'_>) -> Result<(), Full> {
        let contact = Contact::new(info, self.tag)?;
        let contacts = &mut self.user.contacts;
        let placed = if DESC_TIME_ORDER.get() != 0 {
            contacts.push_front(contact)
        } else {
            contacts.insert_where(contact, |other| other.q() < info.q)
        };
        let placed = placed.map_err(|_| Full)?;
        tell(ContactEvent::Insert, &self.user.uid, placed);
        Ok(())
    }

    fn update(&mut self, position: usize, info: &ContactInfo<'_>) -> Result<(), Full> {
        let Some(contact) = self.user.contacts.iter_mut().nth(position) else {
            return Ok(());
        };
        tell(ContactEvent::Update, &self.user.uid, contact);
        contact.update(info, self.tag)
    }

    fn remove(&mut self, position: usize) {
        let mut cursor = self.user.contacts.cursor();
        for _ in 0..position {
            cursor.move_next();
        }
        if let Some(contact) = cursor.remove() {
            tell(ContactEvent::Delete, &self.user.uid, &contact);
        }
    }

    fn clear(&mut self) {
        while let Some(contact) = self.user.contacts.pop_front() {
            tell(ContactEvent::Delete, &self.user.uid, &contact);
        }
    }
}
