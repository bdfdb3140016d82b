//! What waits in the kernel for our UDP sockets, and what the kernel threw away: proc_net(5), `udp` and `udp6`.

use super::{Proto, SocketInfo};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The receive queue of one socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Queue {
    /// Bytes that wait to be read, as the kernel accounts them.
    pub bytes: u64,
    /// Datagrams that found the queue full since the socket was bound.
    pub drops: u64,
}

/// The queue of a bound UDP socket; `None` for another socket, or when the kernel does not tell.
pub fn queue_of(socket: &SocketInfo) -> Option<Queue> {
    if socket.proto != Proto::Udp {
        return None;
    }
    let file = if socket.addr.is_ipv4() {
        "/proc/net/udp"
    } else {
        "/proc/net/udp6"
    };
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().skip(1).find_map(|line| {
        let (addr, queue) = parse(line)?;
        (addr == socket.addr).then_some(queue)
    })
}

/// Local address, receive queue and drops of a line.
fn parse(line: &str) -> Option<(SocketAddr, Queue)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let (_, waiting) = fields.get(4)?.split_once(':')?;
    let queue = Queue {
        bytes: u64::from_str_radix(waiting, 16).ok()?,
        drops: fields.last()?.parse().ok()?,
    };
    Some((SocketAddr::new(parse_ip(ip)?, port), queue))
}

/// Words of four bytes in the order of the machine, in hexadecimal.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |i: usize| u32::from_str_radix(hex.get(i * 8..i * 8 + 8)?, 16).ok();
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?.to_ne_bytes()).into()),
        32 => {
            let mut octets = [0; 16];
            for i in 0..4 {
                octets[i * 4..i * 4 + 4].copy_from_slice(&word(i)?.to_ne_bytes());
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::net::Proto;
    use std::net::UdpSocket;

    #[test]
    fn what_waits_for_a_socket_is_seen() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let info = SocketInfo::new(0, Proto::Udp, "x".into(), addr);
        assert_eq!(queue_of(&info), Some(Queue::default()));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(&[0; 100], addr).unwrap();
        assert!(queue_of(&info).unwrap().bytes >= 100);
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let v6 = "  1: 00000000000000000000000001000000:13C4 00000000000000000000000000000000:0000 07 \
                  00000000:00000010 00:00000000 00000000     0        0 1 2 0000 3";
        let (addr, queue) = parse(v6).unwrap();
        assert_eq!(addr, "[::1]:5060".parse().unwrap());
        assert_eq!((queue.bytes, queue.drops), (16, 3));
    }
}
