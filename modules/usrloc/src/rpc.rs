//! The RPC methods `usrloc.*`.

use crate::domain::{self, Table};
use crate::sweep;
use ser::core::module::api::usrloc::{ContactInfo, Record, contact_flags};
use ser::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use ser::core::time;
use std::sync::atomic::Ordering;

const CALL_ID: &[u8] = b"RPC-Call-ID";
const USER_AGENT: &[u8] = b"SER-RPC";
const CSEQ: u32 = 42;

const fn method(
    name: &'static str,
    func: ser::core::rpc::RpcFn,
    doc: &'static str,
    ret_array: bool,
) -> RpcMethod {
    RpcMethod {
        name,
        func,
        doc,
        ret_array,
    }
}

/// The module's RPC methods.
pub const METHODS: &[RpcMethod] = &[
    method("usrloc.stats", stats, "Print usrloc statistics", true),
    method(
        "usrloc.delete_uid",
        delete_uid,
        "Delete all contacts of a user",
        false,
    ),
    method(
        "usrloc.delete_contact",
        delete_contact,
        "Delete one contact of a user",
        false,
    ),
    method(
        "usrloc.dump",
        dump,
        "Print all bindings: of all tables, of one, or of so many of its buckets from the first on",
        true,
    ),
    method("usrloc.flush", flush, "Remove expired bindings now", false),
    method(
        "usrloc.add_contact",
        add_contact,
        "Add or replace a contact of a user",
        false,
    ),
    method(
        "usrloc.show_contacts",
        show_contacts,
        "List the contacts of a user",
        true,
    ),
];

fn table(ctx: &mut dyn RpcContext) -> Result<&'static Table, RpcFault> {
    let name = ctx.next_str()?;
    domain::find(&name).ok_or_else(|| RpcFault::new(400, "Table Not Found"))
}

fn stats(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for table in domain::all() {
        ctx.add(RpcValue::Struct(vec![
            ("domain", RpcValue::Str(table.name.to_vec())),
            ("users", RpcValue::Int(table.count().0 as i64)),
            (
                "expired",
                RpcValue::Int(table.counters.expired.load(Ordering::Relaxed)),
            ),
        ]))?;
    }
    Ok(())
}

fn delete_uid(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let table = table(ctx)?;
    let uid = ctx.next_str()?;
    table.with_record(&uid, &mut |record| record.clear());
    Ok(())
}

fn delete_contact(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let name = ctx.next_str()?;
    let table = domain::find(&name).ok_or_else(|| RpcFault::new(404, "Table Not Found"))?;
    let uid = ctx.next_str()?;
    let uri = ctx.next_str()?;
    let mut deleted = false;
    let known = table.with_record(&uid, &mut |record| {
        if let Some(position) = position_of(record, &uri) {
            record.remove(position);
            deleted = true;
        }
    });
    match (known, deleted) {
        (false, _) => Err(RpcFault::new(404, "AOR Not Found")),
        (true, false) => Err(RpcFault::new(404, "Contact Not Found")),
        (true, true) => Ok(()),
    }
}

fn position_of(record: &dyn Record, uri: &[u8]) -> Option<usize> {
    let mut found = None;
    record.for_each(&mut |position, contact| {
        if contact.uri == uri {
            found = Some(position);
        }
        found.is_none()
    });
    found
}

/// `usrloc.dump [table [first [number]]]`: everything, one table, or so many of its buckets from the first on, for
/// clients that take a long dump in parts.
fn dump(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    if !ctx.has_next() {
        return domain::all().try_for_each(|table| dump_buckets(ctx, table, 0, usize::MAX));
    }
    let table = table(ctx)?;
    let mut next = |default| match ctx.has_next() {
        true => usize::try_from(ctx.next_int()?)
            .map_err(|_| RpcFault::new(400, "Bad number of a bucket")),
        false => Ok(default),
    };
    let (first, number) = (next(0)?, next(usize::MAX)?);
    if first >= domain::BUCKETS {
        return Err(RpcFault::new(404, "Bucket Not Found"));
    }
    dump_buckets(ctx, table, first, number)
}

/// Streams one struct a binding; a bucket is copied out before anything is sent, so that a slow
/// reader never holds a lock.
fn dump_buckets(
    ctx: &mut dyn RpcContext,
    table: &Table,
    first: usize,
    number: usize,
) -> Result<(), RpcFault> {
    let now = time::unix_time();
    let buckets = table.users.iter_buckets().skip(first).take(number);
    for bucket in buckets.filter(|bucket| !bucket.looks_empty()) {
        let mut values = Vec::new();
        for user in bucket.lock().iter() {
            for contact in &user.contacts {
                values.push(describe(table, &user.uid, &contact.info(), now));
            }
        }
        for value in values {
            ctx.add(value)?;
        }
    }
    Ok(())
}

fn describe(table: &Table, uid: &[u8], contact: &ContactInfo<'_>, now: i64) -> RpcValue {
    RpcValue::Struct(vec![
        ("domain", RpcValue::Str(table.name.to_vec())),
        ("uid", RpcValue::Str(uid.to_vec())),
        ("contact", RpcValue::Str(contact.uri.to_vec())),
        ("aor", RpcValue::Str(contact.aor.to_vec())),
        ("received", RpcValue::Str(contact.received.to_vec())),
        ("expires", RpcValue::Int(contact.expires - now)),
        ("q", q(contact)),
        ("callid", RpcValue::Str(contact.call_id.to_vec())),
        ("cseq", RpcValue::Int(contact.cseq.into())),
        ("user_agent", RpcValue::Str(contact.user_agent.to_vec())),
        ("instance", RpcValue::Str(contact.instance.to_vec())),
        ("flags", RpcValue::Int(contact.flags.into())),
    ])
}

/// -1.0 is shown where no q was given.
fn q(contact: &ContactInfo<'_>) -> RpcValue {
    RpcValue::Double(if contact.q < 0 {
        -1.0
    } else {
        f64::from(contact.q) / 1000.0
    })
}

fn flush(_: &mut dyn RpcContext) -> Result<(), RpcFault> {
    sweep::sweep_all();
    Ok(())
}

fn add_contact(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let table = table(ctx)?;
    let uid = ctx.next_str()?;
    let uri = ctx.next_str()?;
    let expires = ctx.next_int()?;
    let q = ctx.next_double()?;
    let flags = u32::try_from(ctx.next_int()?).map_err(|_| RpcFault::new(400, "Bad flags"))?;
    let refused = || RpcFault::new(500, "Error while adding Contact");
    if expires <= 0 && flags & contact_flags::PERMANENT == 0 {
        return Err(refused());
    }
    let info = ContactInfo {
        uri: &uri,
        aor: &uid,
        call_id: CALL_ID,
        user_agent: USER_AGENT,
        cseq: CSEQ,
        q: if q < 0.0 {
            -1
        } else {
            (q * 1000.0).min(1000.0) as i32
        },
        expires: time::unix_time().saturating_add(expires),
        flags,
        ..ContactInfo::default()
    };
    let mut result = Ok(());
    table
        .update_record(&uid, &mut |record| {
            result = match position_of(record, &uri) {
                Some(position) => record.update(position, &info),
                None => record.insert(&info),
            };
        })
        .and(result)
        .map_err(|_| refused())
}

fn show_contacts(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let table = table(ctx)?;
    let uid = ctx.next_str()?;
    let now = time::unix_time();
    let mut values = Vec::new();
    let known = table.with_record(&uid, &mut |record| {
        record.for_each(&mut |_, contact| {
            if contact.is_valid(now) {
                values.push(RpcValue::Struct(vec![
                    ("contact", RpcValue::Str(contact.uri.to_vec())),
                    ("q", q(&contact)),
                    ("expires", RpcValue::Int(contact.expires - now)),
                ]));
            }
            true
        });
    });
    if !known {
        return Err(RpcFault::new(404, "AOR Not Found"));
    }
    if values.is_empty() {
        return Err(RpcFault::new(404, "No Registered Contacts Found"));
    }
    values.into_iter().try_for_each(|value| ctx.add(value))
}

#[cfg(test)]
mod tests;
