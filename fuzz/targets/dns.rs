//! An answer of a name server: whatever comes in, its records are those of a host or service.
#![no_main]

use ser::core::dns::{RecordType, read_answer};

const NAME: &[u8] = b"a.test";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, message)) = data.split_first() else { return };
    let rtype = match kind % 5 {
        0 => RecordType::A,
        1 => RecordType::Aaaa,
        2 => RecordType::Srv,
        3 => RecordType::Naptr,
        _ => RecordType::Ptr,
    };
    let Some(records) = read_answer(message, NAME, rtype) else { return };
    let set = records.set();
    let count = set.addresses().count() + set.srvs().count() + set.naptrs().count() + set.names().count();
    assert!(count > 0, "a set is never empty");
    let host = |name: &[u8]| name.ends_with(b".") && name.len() <= 254;
    assert!(set.srvs().all(|srv| host(srv.target)));
    assert!(set.naptrs().all(|naptr| host(naptr.replacement)));
    assert!(set.names().all(host));
});
