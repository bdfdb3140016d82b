//! Location tables: name → hash table of users in shared memory. They are made in the attendant, before the processes
//! are forked that use them.

use crate::contact::Contact;
use crate::record::Locked;
use ser::core::module::api::usrloc::{Domain, Full, Record};
use ser::core::process::is_child;
use ser::ipc::{Fate, Mend, ShmList, ShmStr, ShmTable, ShmTag, named};
use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;

/// Most tables of one server.
const MAX_DOMAINS: usize = 32;
/// Buckets of a table; 16 bytes each.
pub const BUCKETS: usize = 1 << 16;

ser::shm_struct! {
    /// All bindings of one user, in order.
    pub struct User {
        pub uid: ShmStr,
        pub contacts: ShmList<Contact>,
    }
}

ser::shm_struct! {
    /// Counters of one table.
    pub struct Counters {
        pub expired: AtomicI64,
    }
}

/// What is there is right: the bindings of a user are in its list or not.
impl Mend for User {
    fn mend(&mut self) -> Fate {
        self.contacts.repair();
        self.contacts.iter_mut().for_each(Contact::repair);
        Fate::Keep
    }
}

/// One location table.
pub struct Table {
    pub name: Box<[u8]>,
    pub users: &'static ShmTable<User>,
    pub counters: &'static Counters,
    pub tag: ShmTag,
}

static TABLES: [OnceLock<Table>; MAX_DOMAINS] = [const { OnceLock::new() }; MAX_DOMAINS];

/// The number of a table that the attendant will make.
const TO_BE_MADE: Domain = Domain(MAX_DOMAINS);

/// The table of that name; made if there is none. In the attendant only: another process that looks at a
/// configuration leaves no trace.
pub fn register(name: &[u8]) -> Result<Domain, String> {
    for (index, place) in TABLES.iter().enumerate() {
        match place.get() {
            Some(table) if *table.name == *name => return Ok(Domain(index)),
            Some(_) => {}
            None if is_child() => return Ok(TO_BE_MADE),
            None => {
                let scope = String::from_utf8_lossy(name);
                let table = named(&scope, || Table::create(name))
                    .map_err(|_| "no shared memory for the table")?;
                let _ = place.set(table);
                return Ok(Domain(index));
            }
        }
    }
    Err(format!("more than {MAX_DOMAINS} location tables"))
}

/// The table behind a number that [`register`] gave.
pub fn get(domain: Domain) -> &'static Table {
    TABLES[domain.0]
        .get()
        .expect("a Domain comes from register")
}

/// The table of that name, if there is one.
pub fn find(name: &[u8]) -> Option<&'static Table> {
    all().find(|table| *table.name == *name)
}

/// All tables.
pub fn all() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().map_while(OnceLock::get)
}

/// FNV-1a with a final mix: bytes as they are, no case folding.
fn hash(uid: &[u8]) -> u32 {
    let h = uid.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (h ^ (h >> 32)) as u32
}

impl Table {
    fn create(name: &[u8]) -> Result<Table, ser::ipc::ShmFull> {
        let tag = ShmTag::register("usrloc");
        let counters = Counters {
            expired: AtomicI64::new(0),
        };
        Ok(Table {
            name: name.into(),
            users: ShmTable::create(BUCKETS, tag)?,
            counters: ser::ipc::shm_static(counters, tag)?,
            tag,
        })
    }

    /// How many users have bindings, and how many those are; a walk over the whole table.
    pub fn count(&self) -> (usize, usize) {
        let (mut users, mut contacts) = (0, 0);
        for bucket in self.users.iter_buckets().filter(|b| !b.looks_empty()) {
            let bucket = bucket.lock();
            users += bucket.iter().count();
            contacts += bucket.iter().map(|user| user.contacts.len()).sum::<usize>();
        }
        (users, contacts)
    }

    /// Runs `f` with the bindings of `uid`; `false` if there is no such user.
    pub fn with_record(&self, uid: &[u8], f: &mut dyn FnMut(&mut dyn Record)) -> bool {
        let mut bucket = self.users.bucket(hash(uid)).lock();
        let Some(user) = bucket.find_mut(|user| *user.uid == *uid) else {
            return false;
        };
        f(&mut Locked {
            user,
            tag: self.tag,
        });
        let empty = user.contacts.is_empty();
        if empty {
            bucket.remove(|user| *user.uid == *uid);
        }
        true
    }

    /// As [`Table::with_record`], for a user who may be new.
    pub fn update_record(
        &self,
        uid: &[u8],
        f: &mut dyn FnMut(&mut dyn Record),
    ) -> Result<(), Full> {
        let mut bucket = self.users.bucket(hash(uid)).lock();
        let user = match bucket.find_mut(|user| *user.uid == *uid) {
            Some(user) => user,
            None => {
                let uid = ShmStr::try_new_in(uid, self.tag).map_err(|_| Full)?;
                let user = User {
                    uid,
                    contacts: ShmList::new_in(self.tag),
                };
                bucket.insert(user).map_err(|_| Full)?
            }
        };
        f(&mut Locked {
            user,
            tag: self.tag,
        });
        if user.contacts.is_empty() {
            bucket.remove(|user| *user.uid == *uid);
        }
        Ok(())
    }
}
