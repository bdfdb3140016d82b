//! Bad datagrams by the thousand, the same ones in every run.

use crate::messages::every_message;

/// Where replies may go (`CALLEE`): the script lets no others pass.
const REPLY: &str = "SIP/2.0 200 OK\r\n\
    Via: SIP/2.0/UDP 127.0.0.1:SERVER;branch=z9hG4bKours\r\n\
    v: SIP/2.0/UDP 127.0.0.1:CALLEE;branch=z9hG4bKtheirs;rport, SIP/2.0/TCP [::1];received=::2 ;a=\"b\"\r\n\
    Record-Route: <sip:127.0.0.1;lr>, \"Quoted \\\" <\" <sip:127.0.0.1;lr=on>\r\n\
    From: \"A. \\\"B\\\" C\" <sip:alice@localhost>;tag=from\r\n\
    t: sip:bob@localhost;tag=to\r\n\
    Call-ID: reply@localhost\r\n\
    CSeq: 1 INVITE\r\n\
    m: <sip:bob@127.0.0.1:5099;transport=udp>;q=0.5, sip:bob@127.0.0.1\r\n\
    Content-Type: text/plain\r\n\
    l: 4\r\n\r\nbody";

const REGISTER: &str = "REGISTER sip:localhost SIP/2.0\r\n\
    Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKreg\r\n\
    From: <sip:carol@localhost>;tag=from\r\n\
    To: \"Carol\" <sip:carol@localhost;user=phone>\r\n\
    Call-ID: register@localhost\r\n\
    CSeq: 7 REGISTER\r\n\
    Contact: \"C\" <sip:carol@127.0.0.1:5098;transport=udp>;q=0.7;expires=7200;+sip.instance=\"<urn:x>\"\r\n\
    Contact: sip:carol@127.0.0.2;expires=7200, <sip:carol@[::1]>\r\n\
    Expires: 7200\r\n\
    User-Agent: test\r\n\
    Content-Length: 0\r\n\r\n";

/// A small generator (xorshift) with a fixed seed: a failure comes again.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// A reply to be forwarded, from a server on port `server` to `callee`.
pub fn reply(server: u16, callee: u16) -> Vec<u8> {
    let text = REPLY.replace("SERVER", &server.to_string());
    text.replace("CALLEE", &callee.to_string()).into_bytes()
}

/// The torture messages, a REGISTER and a reply.
pub fn whole(server: u16, callee: u16) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = every_message()
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    all.push(REGISTER.into());
    all.push(reply(server, callee));
    all
}

/// Each message cut behind every byte.
pub fn truncated(whole: &[Vec<u8>]) -> impl Iterator<Item = Vec<u8>> {
    whole
        .iter()
        .flat_map(|m| (0..m.len()).map(|n| m[..n].to_vec()))
}

/// Messages with one to four changes each: bytes replaced, pieces taken out, doubled or put in.
pub fn mutated(whole: &[Vec<u8>], count: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let one = |random: &mut Random| {
        let mut message = whole[random.below(whole.len())].clone();
        for _ in 0..1 + random.below(4) {
            mutate(&mut message, random);
        }
        message
    };
    (0..count).map(|_| one(random)).collect()
}

const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\0",
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"\xff\xfe",
    b"\r\n\r\n",
    b"%00",
    b"SIP/2.0",
    b"99999999999999999999",
    b"\r\n ",
];

fn mutate(message: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(message.len());
    let end = (at + 1 + random.below(40)).min(message.len());
    match random.below(4) {
        0 if at < message.len() => message[at] = random.next() as u8,
        1 => drop(message.drain(at..end)),
        2 => {
            let piece = message[at..end].repeat(1 + random.below(30));
            message.splice(at..at, piece);
        }
        _ => {
            let piece = PIECES[random.below(PIECES.len())];
            message.splice(at..at, piece.iter().copied());
        }
    }
}

/// Bytes without any sense, of many lengths.
pub fn noise(count: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let one = |random: &mut Random| {
        let most = 1 << random.below(12);
        let length = random.below(most);
        random.bytes(length)
    };
    (0..count).map(|_| one(random)).collect()
}

/// Keep-alives and the like: too short to be a message.
pub fn short() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        &b""[..],
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"\0\0\0\0",
        b"jaK",
        b"\n\n",
    ]
    .map(<[u8]>::to_vec)
    .into();
    all.push(vec![b'\r'; 31]);
    // A STUN binding request (RFC 5389 §6) without attributes.
    all.push([&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat());
    all
}

/// Datagrams as large as the loopback takes, in the ways in which messages can be long.
pub fn huge() -> Vec<Vec<u8>> {
    const LARGEST: usize = 65_507;
    let start = "INVITE sip:bob@localhost SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKhuge\r\n\
        From: <sip:a@localhost>;tag=1\r\nTo: <sip:b@localhost>\r\nCall-ID: huge\r\nCSeq: 1 INVITE\r\n";
    let fills = [
        "X: y\r\n",
        "\r\n ",
        "v: SIP/2.0/UDP h\r\n",
        "Via: SIP/2.0/UDP h,",
        "Route: <sip:127.0.0.1;lr>\r\n",
        "Route: <sip:127.0.0.1;lr>,",
        "m: <sip:x@127.0.0.1>,",
        "Contact: \"",
        "t: <sip:x>\r\n",
        "To: \\\"",
        ";a=b",
        ",",
        "(",
        "\0",
        "\u{e9}",
        "Content-Length: 1\r\n",
        "\r\n\r\nbody ",
        "Subject: a\r\n\tb\r\n",
    ];
    let fill = |fill: &str| {
        let mut text = String::from(start);
        while text.len() + fill.len() + 4 <= LARGEST {
            text += fill;
        }
        (text + "\r\n\r\n").into_bytes()
    };
    let mut all: Vec<_> = fills.into_iter().map(fill).collect();
    let header = |name: &str| {
        let value = "x".repeat(LARGEST - start.len() - name.len() - 6);
        format!("{start}{name}: {value}\r\n\r\n").into_bytes()
    };
    all.extend(
        [
            "Subject",
            "Via",
            "Contact",
            "Route",
            "Max-Forwards",
            "Content-Length",
            "Authorization",
        ]
        .map(header),
    );
    let uri = "u".repeat(60_000);
    all.push(
        start
            .replacen("sip:bob@", &format!("sip:{uri}@"), 1)
            .into_bytes(),
    );
    all.push(
        [
            start.as_bytes(),
            b"\r\n",
            &vec![b'b'; LARGEST - start.len() - 2],
        ]
        .concat(),
    );
    all.push(vec![b'\r'; LARGEST]);
    all.push(vec![0; LARGEST]);
    all.push(vec![b'A'; LARGEST]);
    all
}
