//! A URI: its parts lie in it, in order, and their user part can be made comparable.
#![no_main]

use bumpalo::Bump;
use ser::core::sip::{Uri, UriType, normalize_tel, un_escape};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(uri) = Uri::parse(data) else { return };
    let arena = Bump::new();
    let parts = [uri.user, uri.passwd, uri.host, uri.port, uri.sip_params.0, uri.headers];
    let mut end = data.as_ptr() as usize;
    for part in parts.into_iter().filter(|p| !p.is_empty()) {
        assert!(part.as_ptr() as usize >= end, "parts stand in order");
        end = part.as_ptr() as usize + part.len();
    }
    assert!(end <= data.as_ptr() as usize + data.len());
    let named = !uri.host.is_empty() || !uri.user.is_empty();
    assert!(named || uri.kind == UriType::Urn, "a URI names somebody");
    if let Ok(user) = un_escape(uri.user, &arena) {
        assert!(user.len() <= uri.user.len());
    }
    assert!(!normalize_tel(uri.user, &arena).contains(&b'-'));
    uri.params.iter().for_each(drop);
});
