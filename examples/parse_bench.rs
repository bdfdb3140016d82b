//! Counts what the parser costs: parses one usual OPTIONS (or the file named) again and again.
//!
//! Run it twice under callgrind with different counts; the difference of the instruction totals,
//! divided by the difference of the counts, is the cost of one message:
//! `valgrind --tool=callgrind target/release/examples/parse_bench 1000` and `… 2000`.

use bumpalo::Bump;
use ser::core::sip::{HdrType, Message, ParseError, Uri};
use std::hint::black_box;

const OPTIONS: &str = "OPTIONS sip:bob@127.0.0.1:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-524287-1---a1b2c3d4e5f60718;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Alice\" <sip:alice@127.0.0.1>;tag=3f2a9c1b\r\n\
To: <sip:bob@127.0.0.1:5060>\r\n\
Call-ID: 84b4c76e66710a9d@127.0.0.1\r\n\
CSeq: 63104 OPTIONS\r\n\
Contact: <sip:alice@127.0.0.1:5061>\r\n\
User-Agent: loadgen/0.1\r\n\
Content-Length: 0\r\n\r\n";

/// Everything a stateless reply or forward reads of a request.
fn parse_once(buf: &[u8], arena: &Bump) -> Result<usize, ParseError> {
    let mut message = Message::parse(buf, arena)?;
    message.parse_all()?;
    let from = message.from()?;
    let to = message.to()?;
    let (number, _) = message.cseq()?;
    let via = message.via1().map_or(0, |v| v.host.len());
    let call_id = message.call_id()?;
    let known = message
        .seen(HdrType::MaxForwards)
        .map_or(0, |h| h.body.len());
    Ok(via + from.uri.len() + to.uri.len() + number.len() + call_id.len() + known)
}

fn main() {
    let mut args = std::env::args().skip(1);
    let count: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let what = args.next().unwrap_or_default();
    let mut arena = Bump::with_capacity(65536);
    let mut sum = 0;
    for _ in 0..count {
        sum += match what.as_str() {
            "uri" => Uri::parse(black_box(b"sip:bob@127.0.0.1:5060;transport=udp"))
                .map_or(0, |u| u.host.len()),
            "first" => Message::parse(black_box(OPTIONS.as_bytes()), &arena)
                .map_or(0, |m| m.parsed_headers().len()),
            _ => parse_once(black_box(OPTIONS.as_bytes()), &arena).unwrap_or(0),
        };
        arena.reset();
    }
    println!("{count} messages, checksum {sum}");
}
