//! A BINRPC packet: whatever the lengths say, header and records stay within it, and reading comes to an end.
#![no_main]

use ser::core::rpc::binrpc::{Reader, Record, read_header};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(header) = read_header(data) else { return };
    assert!(header.header_len <= data.len() && header.header_len <= 10);
    let body = &data[header.header_len..];
    let body = &body[..header.len.min(body.len())];
    let within = body.as_ptr_range();
    let mut reader = Reader::new(body);
    let mut records = 0;
    while let Ok(record) = reader.next() {
        records += 1;
        if let Record::Str(text) | Record::Name(text) | Record::Bytes(text) = record {
            let place = text.as_ptr_range();
            assert!(text.is_empty() || (place.start >= within.start && place.end <= within.end));
        }
    }
    assert!(records <= body.len(), "each record takes a byte at least");
});
