//! BINRPC version 1, the binary protocol of module ctl and of sercmd and kamcmd (reference: rpc-core, §3).
//!
//! A packet is a header (magic and version `0xA1`, type, length, cookie) and a body of records. A record
//! begins with a byte: bit 7 says whether bits 6-4 are the size itself or the number of length bytes that
//! follow, bits 3-0 are the type.

mod read;
mod write;

pub use read::{Header, Reader, Record, read_header};
pub use write::{Writer, packet};

use std::fmt;

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Kind {
    Request = 0,
    Reply = 1,
    Fault = 3,
}

/// First byte of every packet: magic A, version 1.
const MAGIC: u8 = 0xa1;

const INT: u8 = 0;
const STRING: u8 = 1;
const DOUBLE: u8 = 2;
const STRUCT: u8 = 3;
const ARRAY: u8 = 4;
const NAME: u8 = 5;
const BYTES: u8 = 6;

/// Why a packet or a record cannot be read; the texts are SER's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Error {
    BadPacket,
    MoreData,
    EndOfPacket,
    WrongType,
    BadRecord,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::BadPacket => "corrupted packet",
            Error::MoreData => "more data needed",
            Error::EndOfPacket => "end of packet encountered",
            Error::WrongType => "record doesn't match type",
            Error::BadRecord => "bad record",
        })
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rpc::RpcValue;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        (0..digits.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn packets_are_those_that_the_original_sends() {
        let mut body = Writer::new();
        body.string(b"core.ps");
        assert_eq!(
            packet(Kind::Request, 0x1122_3344, &body.finish()),
            bytes("a1 03 0a 11223344 91 08 636f72652e707300")
        );
        let mut body = Writer::new();
        body.int(0x1589);
        body.string(b"attendant");
        let reply = packet(Kind::Reply, 1, &body.finish());
        assert_eq!(reply[..5], bytes("a1 10 0f 01 20"));
        assert_eq!(reply[5..9], bytes("1589 910a"));
        let mut body = Writer::new();
        body.value(&RpcValue::Double(0.7));
        body.value(&RpcValue::Double(-1.0));
        body.value(&RpcValue::Int(0));
        body.value(&RpcValue::Str(Vec::new()));
        assert_eq!(body.finish(), bytes("22 02bc 42 fffffc18 00 11 00"));
        let mut body = Writer::new();
        body.value(&RpcValue::Struct(vec![("uptime", RpcValue::Int(4))]));
        assert_eq!(body.finish(), bytes("03 75 757074696d6500 10 04 83"));
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut body = Writer::new();
        for n in [
            0,
            1,
            255,
            256,
            65_536,
            i64::from(i32::MAX),
            -1,
            i64::from(i32::MIN),
        ] {
            body.int(n);
        }
        body.string(&[b'x'; 300]);
        let body = body.finish();
        let mut reader = Reader::new(&body);
        for n in [
            0,
            1,
            255,
            256,
            65_536,
            i64::from(i32::MAX),
            -1,
            i64::from(i32::MIN),
        ] {
            assert_eq!(reader.next(), Ok(Record::Int(n)));
        }
        assert_eq!(reader.next(), Ok(Record::Str(&[b'x'; 300])));
        assert_eq!(reader.next(), Err(Error::EndOfPacket));
    }

    #[test]
    fn numbers_beyond_32_bits_are_told_as_text() {
        let mut body = Writer::new();
        body.int(1 << 40);
        assert_eq!(
            Reader::new(&body.finish()).next(),
            Ok(Record::Str(b"1099511627776"))
        );
    }

    #[test]
    fn headers_are_checked_before_anything_is_believed() {
        assert_eq!(read_header(&bytes("a1 03 0a")), Err(Error::MoreData));
        assert_eq!(read_header(&bytes("a2 00 01 01")), Err(Error::BadPacket));
        assert_eq!(read_header(&bytes("b1 00 01 01")), Err(Error::BadPacket));
        assert_eq!(read_header(&bytes("a1 20 01 01")), Err(Error::BadPacket));
        let header = read_header(&bytes("a1 03 0a 11223344")).unwrap();
        assert_eq!((header.kind, header.len), (Kind::Request, 10));
        assert_eq!((header.cookie, header.header_len), (0x1122_3344, 7));
    }

    #[test]
    fn records_that_run_over_the_end_are_refused() {
        for hex in [
            "20 01",
            "91",
            "91 05 61",
            "f1 ffffffffffffff",
            "61 68656c6c6f",
        ] {
            let body = bytes(hex);
            let mut reader = Reader::new(&body);
            assert!(reader.next().is_err(), "{hex}");
        }
    }
}
