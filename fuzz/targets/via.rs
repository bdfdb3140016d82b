//! A Via body with all its values: each is within the body, and parses again to the same.
#![no_main]

use ser::core::sip::Via;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = Some(data);
    while let Some(part) = rest {
        let Ok((via, more)) = Via::parse(part) else { return };
        assert!(via.raw.len() <= part.len() && !via.host.is_empty());
        assert_eq!(via.more, more.is_some());
        assert!(more.is_none_or(|m| m.len() < part.len()));
        let (again, end) = Via::parse(via.raw).expect("a value parses alone");
        assert!(end.is_none());
        assert_eq!((again.host, again.port_no, again.branch), (via.host, via.port_no, via.branch));
        assert_eq!((again.received, again.rport), (via.received, via.rport));
        rest = more;
    }
});
