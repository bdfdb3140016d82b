//! To-tags of replies made by the server: 32 hexadecimal digits that name the server, a separator, and
//! four that depend on the request's topmost Via, so that a retransmission gets the same tag.

use crate::core::net::{SocketInfo, all_sockets};
use crate::core::sip::Via;
use md5::{Digest, Md5};
use std::sync::OnceLock;

/// Length of a tag in bytes.
pub const TAG_LEN: usize = 37;
const PREFIX_LEN: usize = 33;

/// The part of a tag that is fixed for the life of the server.
#[derive(Clone, Copy, Debug)]
pub struct TagPrefix([u8; PREFIX_LEN]);

/// The prefix of the tags of stateless replies.
pub fn stateless() -> &'static TagPrefix {
    static PREFIX: OnceLock<TagPrefix> = OnceLock::new();
    PREFIX.get_or_init(|| TagPrefix::new("SER-stateless", b'.'))
}

impl TagPrefix {
    /// `signature` is `SER-stateless` (separator `.`) or `SER-TM/tags` (separator `-`).
    pub fn new(signature: &str, separator: u8) -> TagPrefix {
        TagPrefix::for_socket(signature, separator, all_sockets().next())
    }

    fn for_socket(signature: &str, separator: u8, first: Option<&SocketInfo>) -> TagPrefix {
        let mut md5 = Md5::new();
        md5.update(signature);
        if let Some(socket) = first {
            md5.update(&socket.addr_str);
            md5.update(&socket.port_str);
        }
        let mut prefix = [separator; PREFIX_LEN];
        hex(&md5.finalize().into(), &mut prefix);
        TagPrefix(prefix)
    }

    /// The tag for a request with that topmost Via.
    pub fn tag(&self, via: Option<&Via<'_>>) -> [u8; TAG_LEN] {
        match via {
            Some(via) => self.tag_of(&[via.host, via.port, via.branch.unwrap_or_default()]),
            None => self.with_number(0),
        }
    }

    /// The tag for what these parts name.
    pub fn tag_of(&self, parts: &[&[u8]]) -> [u8; TAG_LEN] {
        self.with_number(crc16(parts))
    }

    fn with_number(&self, mut number: u16) -> [u8; TAG_LEN] {
        let mut tag = [b'0'; TAG_LEN];
        tag[..PREFIX_LEN].copy_from_slice(&self.0);
        for digit in &mut tag[PREFIX_LEN..] {
            *digit = b"0123456789abcdef"[usize::from(number & 15)];
            number >>= 4;
        }
        tag
    }
}

/// Lower-case hexadecimal of an MD5 sum into the first 32 bytes of `out`.
pub fn hex(sum: &[u8; 16], out: &mut [u8]) {
    for (byte, pair) in sum.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
}

const CRC_TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x8408
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// CRC-16/CCITT (reflected, start all ones, final complement) over the parts in a row.
pub fn crc16(parts: &[&[u8]]) -> u16 {
    let mut crc = 0xffffu16;
    for part in parts {
        for byte in *part {
            crc = (crc >> 8) ^ CRC_TABLE[usize::from((crc ^ u16::from(*byte)) & 0xff)];
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::net::Proto;

    #[test]
    fn prefixes_are_those_of_the_original() {
        let socket = SocketInfo::new(0, Proto::Udp, "x".into(), ([127, 0, 0, 1], 5990).into());
        let sl = TagPrefix::for_socket("SER-stateless", b'.', Some(&socket));
        assert_eq!(&sl.0, b"e0cc03c554569d6c21175cba9d272577.");
        let tm = TagPrefix::for_socket("SER-TM/tags", b'-', Some(&socket));
        assert_eq!(&tm.0, b"7c5ac6bff96d29460dfd40d611f581c5-");
    }

    #[test]
    fn the_suffix_depends_on_the_via() {
        let (via, _) = Via::parse(b"SIP/2.0/UDP 127.0.0.1:5993;branch=z9hG4bKbbb").unwrap();
        let socket = SocketInfo::new(0, Proto::Udp, "x".into(), ([127, 0, 0, 1], 5990).into());
        let tag = TagPrefix::for_socket("SER-stateless", b'.', Some(&socket)).tag(Some(&via));
        assert_eq!(&tag[33..], b"baa5");
    }
}
