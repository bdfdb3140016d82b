//! The two sides of a comparison.

use crate::core::config::ast::{Operand, Right, Spanned};
use crate::core::config::scanner::{Scanner, parse_number};
use std::net::IpAddr;

/// Names of operands, for suggestions.
pub(super) const NAMES: [&str; 20] = [
    "method",
    "uri",
    "status",
    "from_uri",
    "to_uri",
    "src_ip",
    "dst_ip",
    "snd_ip",
    "to_ip",
    "src_port",
    "dst_port",
    "snd_port",
    "to_port",
    "proto",
    "snd_proto",
    "to_proto",
    "af",
    "snd_af",
    "to_af",
    "myself",
];

impl Scanner<'_> {
    /// The left side; `None` if there is none, or after an error.
    pub(super) fn operand(&mut self) -> Option<Operand> {
        match self.peek()? {
            b'$' if self.raw(1) == Some(b'?') => {
                self.advance(2);
                return Some(Operand::RetCode);
            }
            b'$' | b'%' => {
                let avp = self.avp_text()?.node;
                let code = avp == "retcode";
                return Some(if code {
                    Operand::RetCode
                } else {
                    Operand::Avp(avp)
                });
            }
            b'@' => return self.select_text().map(|s| Operand::Select(s.node)),
            _ => {}
        }
        let run = self.peek_run();
        if let Some(n) = parse_number(run) {
            self.advance(run.len());
            return Some(Operand::Int(n));
        }
        let word = self.peek_word();
        if word == "msg" && self.text(self.at, self.at + 7) == b"msg:len" {
            self.advance(7);
            return Some(Operand::MsgLen);
        }
        let operand = operand_named(word)?;
        self.advance(word.len());
        Some(operand)
    }

    /// The right side with its place; `None` after an error.
    pub(super) fn compared_with(&mut self) -> Option<Spanned<Right>> {
        let start = self.start();
        let Some(node) = self.right_side() else {
            self.error_at(start, "a value to compare with is expected here");
            return None;
        };
        let span = self.span_from(start);
        Some(Spanned { node, span })
    }

    fn right_side(&mut self) -> Option<Right> {
        match self.peek()? {
            b'"' | b'\'' => return self.string().map(Right::Str),
            b'$' if self.raw(1) == Some(b'?') => {
                self.advance(2);
                return Some(Right::Operand(Operand::RetCode));
            }
            b'$' | b'%' => return self.avp_text().map(|a| Right::Avp(a.node)),
            b'@' => return self.select_text().map(|s| Right::Select(s.node)),
            _ => {}
        }
        let run = self.peek_run();
        if run.is_empty() {
            return None;
        }
        let start = self.at;
        self.advance(run.len());
        if let Some((net, mask)) = run.split_once('/') {
            let network = network(net, mask);
            if network.is_none() {
                self.error_from(start, format!("bad network {run}"))
                    .help("it is ADDRESS/BITS or ADDRESS/MASK");
            }
            return network;
        }
        Some(plain(run))
    }
}

/// A run of characters that is one value.
fn plain(run: &str) -> Right {
    match run {
        "myself" => return Right::Myself,
        "max_len" => return Right::MaxLen,
        _ => {}
    }
    if let Some(operand) = operand_named(run) {
        return Right::Operand(operand);
    }
    if let Some(n) = parse_number(run) {
        return Right::Int(n);
    }
    if let Ok(ip) = bare(run).parse() {
        return Right::Ip(ip);
    }
    if run.contains(['.', '-']) {
        Right::Host(run.to_owned())
    } else {
        Right::Id(run.to_owned())
    }
}

fn bare(text: &str) -> &str {
    text.trim_start_matches('[').trim_end_matches(']')
}

fn operand_named(word: &str) -> Option<Operand> {
    Some(match word {
        "method" => Operand::Method,
        "uri" | "status" => Operand::Uri,
        "from_uri" => Operand::FromUri,
        "to_uri" => Operand::ToUri,
        "src_ip" => Operand::SrcIp,
        "dst_ip" => Operand::DstIp,
        "snd_ip" => Operand::SndIp,
        "to_ip" => Operand::ToIp,
        "src_port" => Operand::SrcPort,
        "dst_port" => Operand::DstPort,
        "snd_port" => Operand::SndPort,
        "to_port" => Operand::ToPort,
        "proto" => Operand::Proto,
        "snd_proto" | "to_proto" => Operand::SndProto,
        "af" => Operand::Af,
        "snd_af" | "to_af" => Operand::SndAf,
        "myself" => Operand::Myself,
        _ => return None,
    })
}

/// `ip/bits` or `ip/mask`; a mask with holes is refused.
fn network(net: &str, mask: &str) -> Option<Right> {
    let ip: IpAddr = bare(net).parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let bits = match mask.parse::<u8>() {
        Ok(bits) => bits,
        Err(_) => mask_bits(bare(mask).parse().ok()?)?,
    };
    (bits <= most).then_some(Right::Net(ip, bits))
}

fn mask_bits(mask: IpAddr) -> Option<u8> {
    let (leading, ones) = match mask {
        IpAddr::V4(mask) => (u32::from(mask).leading_ones(), u32::from(mask).count_ones()),
        IpAddr::V6(mask) => (
            u128::from(mask).leading_ones(),
            u128::from(mask).count_ones(),
        ),
    };
    (leading == ones).then_some(ones as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suggested_name_is_an_operand() {
        for name in NAMES {
            assert!(operand_named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_network_has_bits_or_a_mask_without_holes() {
        let net = |ip: &str, bits| Some(Right::Net(ip.parse().unwrap(), bits));
        assert_eq!(network("10.0.0.0", "8"), net("10.0.0.0", 8));
        assert_eq!(network("10.0.0.0", "255.255.0.0"), net("10.0.0.0", 16));
        assert_eq!(network("[fe80::]", "10"), net("fe80::", 10));
        for (ip, mask) in [
            ("10.0.0.0", "33"),
            ("10.0.0.0", "255.0.255.0"),
            ("host", "8"),
            ("fe80::", "129"),
            ("10.0.0.0", ""),
        ] {
            assert_eq!(network(ip, mask), None, "{ip}/{mask}");
        }
    }
}
