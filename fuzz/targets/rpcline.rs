//! Requests of the line protocol: they end where they end however the bytes come in, a reply pipe stays in its
//! folder, and the reply of an echo is one line.
#![no_main]

use ser::core::rpc::line::Request;
use ser::core::rpc::datagram::{Answer, answer};
use ser::core::rpc::line_frame::end_of_request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let end = end_of_request(data);
    if let Some(end) = end {
        assert!(end <= data.len());
        assert_eq!(end_of_request(&data[..end]), Some(end), "what follows does not matter");
    }
    if let Ok(request) = Request::parse(data) {
        let plain = |b: &u8| !matches!(b, b'/' | b'.' | b'\\' | 0);
        assert!(request.reply.iter().all(plain));
        assert!(!request.method.is_empty());
    }
    // Nothing else is called: methods of the core have effects.
    let line: Vec<u8> = data.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    if !line.is_empty() {
        let Answer::Now(reply) = answer(&[b":core.prints:\n", &line[..], b"\n\n"].concat()) else {
            panic!("an echo is there at once");
        };
        let lines = reply.iter().filter(|b| **b == b'\n').count();
        assert!(lines == 2 || reply.starts_with(b"500 Reply too long"), "{lines} lines");
    }
});
