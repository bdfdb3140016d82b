//! Applies what a REGISTER wants to the bindings of one user. Runs under the record's lock.

use crate::error::RegError;
use crate::params::MAX_CONTACTS;
use crate::wanted::Wanted;
use ser::core::module::api::usrloc::{ContactInfo, Record};

/// Carries the request out. On an error of a user who had no bindings none stay; another user keeps
/// what was stored before the error.
pub fn apply(record: &mut dyn Record, wanted: &Wanted<'_>, now: i64) -> Result<(), RegError> {
    match wanted {
        Wanted::List => Ok(()),
        Wanted::RemoveAll => {
            record.clear();
            Ok(())
        }
        Wanted::Change(contacts) => {
            let known = count(record, now);
            check_limit(record, contacts, known.valid)?;
            let result = contacts
                .iter()
                .try_for_each(|contact| change(record, contact));
            if result.is_err() && known.all == 0 {
                record.clear();
            }
            result
        }
    }
}

struct Count {
    all: i64,
    valid: i64,
}

fn count(record: &dyn Record, now: i64) -> Count {
    let mut count = Count { all: 0, valid: 0 };
    record.for_each(&mut |_, contact| {
        count.all += 1;
        count.valid += i64::from(contact.is_valid(now));
        true
    });
    count
}

/// `max_contacts`: valid ones plus new minus removed.
fn check_limit(
    record: &dyn Record,
    contacts: &[ContactInfo<'_>],
    valid: i64,
) -> Result<(), RegError> {
    let limit = MAX_CONTACTS.get();
    if limit <= 0 {
        return Ok(());
    }
    let mut after = valid;
    for contact in contacts {
        match (find(record, contact).is_some(), contact.expires == 0) {
            (true, true) => after -= 1,
            (false, false) => after += 1,
            (true, false) | (false, true) => {}
        }
    }
    if after > limit {
        Err(RegError::TooManyContacts)
    } else {
        Ok(())
    }
}

/// The binding of the same URI (byte by byte), or of the same instance.
fn find(record: &dyn Record, wanted: &ContactInfo<'_>) -> Option<usize> {
    let mut found = None;
    record.for_each(&mut |position, known| {
        let same = known.uri == wanted.uri
            || !wanted.instance.is_empty() && known.instance == wanted.instance;
        if same {
            found = Some(position);
        }
        !same
    });
    found
}

fn change(record: &mut dyn Record, contact: &ContactInfo<'_>) -> Result<(), RegError> {
    match (find(record, contact), contact.expires == 0) {
        (Some(position), true) => record.remove(position),
        (Some(position), false) => {
            record
                .update(position, contact)
                .map_err(|_| RegError::UpdateFailed)?;
        }
        (None, false) => record.insert(contact).map_err(|_| RegError::InsertFailed)?,
        (None, true) => {}
    }
    Ok(())
}
