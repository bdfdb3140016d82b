//! Header bodies made of addresses: name-addr, Contact and Route lists, and what reads parameters.
#![no_main]

#[path = "../../tests/sip/accessors.rs"]
mod accessors;

use ser::core::sip::{ContactBody, NameAddr};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    accessors::exercise_body(data);
    if let Ok(value) = NameAddr::parse(data) {
        let again = NameAddr::parse(value.raw).expect("a value parses alone");
        assert_eq!((again.uri, again.tag, again.display), (value.uri, value.tag, value.display));
    }
    if let ContactBody::List(list) = ContactBody::new(data) {
        let mut bytes = 0;
        for contact in list.flatten() {
            assert!(!contact.uri.is_empty());
            bytes += contact.raw.len() + 1;
        }
        assert!(bytes <= data.len() + 1, "values do not overlap");
    }
});
