//! The methods as a transport calls them: parameters in, values or a fault out.

use super::*;
use ser::ipc::{Segment, set_process_slot};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a transport would offer.
struct Call {
    params: VecDeque<RpcValue>,
    reply: Vec<RpcValue>,
}

fn missing() -> RpcFault {
    RpcFault::new(400, "parameter expected")
}

impl RpcContext for Call {
    fn next_int(&mut self) -> Result<i64, RpcFault> {
        match self.params.pop_front() {
            Some(RpcValue::Int(n)) => Ok(n),
            _ => Err(missing()),
        }
    }
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault> {
        match self.params.pop_front() {
            Some(RpcValue::Str(text)) => Ok(text),
            _ => Err(missing()),
        }
    }
    fn next_double(&mut self) -> Result<f64, RpcFault> {
        match self.params.pop_front() {
            Some(RpcValue::Double(n)) => Ok(n),
            _ => Err(missing()),
        }
    }
    fn has_next(&self) -> bool {
        !self.params.is_empty()
    }
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault> {
        self.reply.push(value);
        Ok(())
    }
    fn finish(&mut self) -> Result<(), RpcFault> {
        Ok(())
    }
}

fn text(text: &str) -> RpcValue {
    RpcValue::Str(text.into())
}

fn call(name: &str, params: &[RpcValue]) -> Result<Vec<RpcValue>, (u16, String)> {
    let method = METHODS.iter().find(|m| m.name == name).expect("a method");
    let params = params.iter().cloned().collect();
    let mut call = Call {
        params,
        reply: Vec::new(),
    };
    match (method.func)(&mut call) {
        Ok(()) => Ok(call.reply),
        Err(fault) => Err((fault.code, fault.reason)),
    }
}

/// A table of the test's own, and the right to be the only thread: a process has one.
fn table(name: &str) -> (MutexGuard<'static, bool>, RpcValue) {
    static MADE: Mutex<bool> = Mutex::new(false);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if !std::mem::replace(&mut *made, true) {
        Segment::create(64 << 20).expect("memory");
        set_process_slot(0);
    }
    domain::register(name.as_bytes()).expect("a table");
    (made, text(name))
}

fn add(
    table: &RpcValue,
    contact: &str,
    expires: i64,
    q: f64,
    flags: i64,
) -> Result<Vec<RpcValue>, (u16, String)> {
    let (expires, flags) = (RpcValue::Int(expires), RpcValue::Int(flags));
    let params = [
        table.clone(),
        text("bob"),
        text(contact),
        expires,
        RpcValue::Double(q),
        flags,
    ];
    call("usrloc.add_contact", &params)
}

fn field<'v>(value: &'v RpcValue, name: &str) -> &'v RpcValue {
    let RpcValue::Struct(fields) = value else {
        panic!("a struct: {value:?}")
    };
    let found = fields.iter().find(|(n, _)| *n == name);
    &found.unwrap_or_else(|| panic!("no {name} in {value:?}")).1
}

#[test]
fn contacts_are_added_shown_and_deleted() {
    let (_alone, table) = table("shown");
    let show = || call("usrloc.show_contacts", &[table.clone(), text("bob")]);
    assert_eq!(show(), Err((404, "AOR Not Found".into())));
    assert_eq!(add(&table, "sip:a@h", 100, 0.5, 0), Ok(vec![]));
    assert_eq!(add(&table, "sip:b@h", 100, -1.0, 0), Ok(vec![]));
    // The same contact again replaces what is known of it.
    assert_eq!(add(&table, "sip:b@h", 200, 0.25, 0), Ok(vec![]));
    let shown = show().unwrap();
    let contacts: Vec<_> = shown
        .iter()
        .map(|c| (field(c, "contact"), field(c, "q")))
        .collect();
    let (a, b) = (text("sip:a@h"), text("sip:b@h"));
    assert_eq!(
        contacts,
        [(&a, &RpcValue::Double(0.5)), (&b, &RpcValue::Double(0.25))]
    );
    assert!(matches!(
        field(&shown[1], "expires"),
        RpcValue::Int(199..=200)
    ));
    let delete = |contact: &str| {
        call(
            "usrloc.delete_contact",
            &[table.clone(), text("bob"), text(contact)],
        )
    };
    assert_eq!(delete("sip:c@h"), Err((404, "Contact Not Found".into())));
    assert_eq!(delete("sip:a@h"), Ok(vec![]));
    assert_eq!(show().unwrap().len(), 1);
    assert_eq!(
        call("usrloc.delete_uid", &[table.clone(), text("bob")]),
        Ok(vec![])
    );
    assert_eq!(delete("sip:b@h"), Err((404, "AOR Not Found".into())));
    // A user who is not there is gone already.
    assert_eq!(
        call("usrloc.delete_uid", &[table.clone(), text("bob")]),
        Ok(vec![])
    );
}

#[test]
fn a_table_that_nobody_made_and_parameters_that_are_missing_are_faults() {
    let _known = table("known");
    let nowhere = text("nowhere");
    assert_eq!(
        add(&nowhere, "sip:a@h", 1, 1.0, 0),
        Err((400, "Table Not Found".into()))
    );
    for (method, code) in [
        ("usrloc.show_contacts", 400),
        ("usrloc.delete_uid", 400),
        ("usrloc.delete_contact", 404),
    ] {
        let params = [nowhere.clone(), text("bob"), text("sip:a@h")];
        assert_eq!(
            call(method, &params),
            Err((code, "Table Not Found".into())),
            "{method}"
        );
        assert_eq!(
            call(method, &[]),
            Err((400, "parameter expected".into())),
            "{method}"
        );
    }
}

#[test]
fn a_contact_without_time_is_added_only_for_good() {
    let (_alone, table) = table("times");
    let refused = Err((500, "Error while adding Contact".to_owned()));
    assert_eq!(add(&table, "sip:a@h", 0, 1.0, 0), refused);
    assert_eq!(add(&table, "sip:a@h", -5, 1.0, 0), refused);
    let permanent = i64::from(contact_flags::PERMANENT);
    assert_eq!(add(&table, "sip:a@h", 0, 1.0, permanent), Ok(vec![]));
    assert_eq!(call("usrloc.flush", &[]), Ok(vec![]));
    let shown = call("usrloc.show_contacts", &[table, text("bob")]).unwrap();
    assert_eq!(shown.len(), 1);
}

#[test]
fn statistics_count_users_and_a_dump_shows_everything() {
    let (_alone, table) = table("counted");
    add(&table, "sip:a@h", 100, -1.0, 1).unwrap();
    let of_table = |values: Vec<RpcValue>| -> Vec<RpcValue> {
        let mine = values.into_iter().filter(|v| field(v, "domain") == &table);
        mine.collect()
    };
    let stats = of_table(call("usrloc.stats", &[]).unwrap());
    assert_eq!(field(&stats[0], "users"), &RpcValue::Int(1));
    assert_eq!(field(&stats[0], "expired"), &RpcValue::Int(0));
    let dump = of_table(call("usrloc.dump", &[]).unwrap());
    assert_eq!(dump.len(), 1);
    assert_eq!(
        call("usrloc.dump", std::slice::from_ref(&table)),
        Ok(dump.clone())
    );
    for (name, value) in [
        ("uid", text("bob")),
        ("callid", text("RPC-Call-ID")),
        ("cseq", RpcValue::Int(42)),
        ("user_agent", text("SER-RPC")),
        ("flags", RpcValue::Int(1)),
        ("q", RpcValue::Double(-1.0)),
    ] {
        assert_eq!(field(&dump[0], name), &value, "{name}");
    }
}

#[test]
fn a_dump_can_be_had_in_parts() {
    let (_alone, table) = table("parts");
    add(&table, "sip:a@h", 100, 1.0, 0).unwrap();
    let half = domain::BUCKETS as i64 / 2;
    let part = |first: i64, number: i64| {
        let params = [table.clone(), RpcValue::Int(first), RpcValue::Int(number)];
        call("usrloc.dump", &params)
    };
    let (front, back) = (part(0, half).unwrap(), part(half, half).unwrap());
    assert_eq!(front.len() + back.len(), 1);
    let no_bucket = Err((404, "Bucket Not Found".into()));
    assert_eq!(part(2 * half, half), no_bucket);
    assert!(part(-1, half).is_err());
    assert_eq!(
        call("usrloc.dump", &[text("nowhere")]),
        Err((400, "Table Not Found".into()))
    );
}
