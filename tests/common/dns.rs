//! A name server as small as tests need: answers from a table, and misbehaves as it is told.

use domain::base::iana::Rcode;
use domain::base::message_builder::AnswerBuilder;
use domain::base::{Message, MessageBuilder, Name, Rtype, Serial, Ttl};
use domain::rdata;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type N = Name<Vec<u8>>;

/// One record.
#[derive(Clone, Debug)]
pub enum Rr {
    /// An address of either family.
    Ip(IpAddr),
    /// Priority, weight, port, target.
    Srv(u16, u16, u16, &'static str),
    /// Order, preference, service, replacement; flag `s`.
    Naptr(u16, u16, &'static str, &'static str),
    Cname(&'static str),
    Ptr(&'static str),
}

/// What is said to a question.
#[derive(Clone, Debug)]
pub enum Say {
    /// These, to live so many seconds.
    Records(u32, Vec<Rr>),
    NoName,
    NoData,
    Fail(Rcode),
    /// Not a word.
    Nothing,
    Late(Duration, Box<Say>),
    /// By UDP: it does not fit.
    Cut(Box<Say>),
    /// First a message with these bytes changed to others, then the right one.
    Spoiled(Vec<(usize, u8)>, Box<Say>),
    /// The first bytes of the answer alone, and nothing else.
    Short(usize, Box<Say>),
}

/// One question that came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: String,
    pub rtype: Rtype,
    pub id: u16,
    pub from: SocketAddr,
    pub tcp: bool,
}

#[derive(Default)]
struct Shared {
    table: Mutex<HashMap<(String, Rtype), Say>>,
    asked: Mutex<Vec<Asked>>,
}

/// The server; its threads end with the test program.
pub struct NameServer {
    shared: Arc<Shared>,
    addr: SocketAddr,
}

impl NameServer {
    /// On 127.0.0.1, UDP and TCP on one port. What is not in the table does not exist.
    pub fn new() -> NameServer {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let addr = udp.local_addr().expect("bound");
            if let Ok(tcp) = TcpListener::bind(addr) {
                break (udp, tcp);
            }
        };
        let addr = udp.local_addr().expect("bound");
        let shared = Arc::new(Shared::default());
        let (for_udp, for_tcp) = (shared.clone(), shared.clone());
        std::thread::spawn(move || serve_udp(&Arc::new(udp), &for_udp));
        std::thread::spawn(move || serve_tcp(&tcp, &for_tcp));
        NameServer { shared, addr }
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on this is said.
    pub fn say(&self, name: &str, rtype: Rtype, say: Say) {
        let key = (name.to_owned(), rtype);
        self.shared.table.lock().unwrap().insert(key, say);
    }

    /// The name has these records, to live 300 seconds.
    pub fn has(&self, name: &str, rtype: Rtype, records: &[Rr]) {
        self.say(name, rtype, Say::Records(300, records.to_vec()));
    }

    /// The name has this address, to live 300 seconds.
    pub fn has_ip(&self, name: &str, ip: &str) {
        let ip: IpAddr = ip.parse().unwrap();
        let rtype = if ip.is_ipv4() { Rtype::A } else { Rtype::AAAA };
        self.has(name, rtype, &[Rr::Ip(ip)]);
    }

    /// Everything that was asked about a name.
    pub fn asked(&self, name: &str, rtype: Rtype) -> Vec<Asked> {
        let all = self.shared.asked.lock().unwrap();
        let about = |a: &&Asked| a.name == name && a.rtype == rtype;
        all.iter().filter(about).cloned().collect()
    }

    /// How often anything was asked.
    pub fn count(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }
}

fn serve_udp(socket: &Arc<UdpSocket>, shared: &Arc<Shared>) {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let question = buffer[..length].to_vec();
        let Some(say) = hear(&question, from, false, shared) else {
            continue;
        };
        let socket = socket.clone();
        let send = move |bytes: &[u8]| drop(socket.send_to(bytes, from));
        std::thread::spawn(move || answer(&question, say, false, &send));
    }
}

fn serve_tcp(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        let shared = shared.clone();
        std::thread::spawn(move || serve_stream(stream, &shared));
    }
}

fn serve_stream(mut stream: TcpStream, shared: &Shared) {
    let from = stream.peer_addr().expect("connected");
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; u16::from_be_bytes(length).into()];
        if stream.read_exact(&mut question).is_err() {
            return;
        }
        let Some(say) = hear(&question, from, true, shared) else {
            return;
        };
        let out = Mutex::new(&mut stream);
        answer(&question, say, true, &|bytes| {
            let length = (bytes.len() as u16).to_be_bytes();
            // In two writes, so that a reader meets half a message.
            let mut out = out.lock().unwrap();
            let _ = out.write_all(&[&length, &bytes[..5]].concat());
            std::thread::sleep(Duration::from_millis(20));
            let _ = out.write_all(&bytes[5..]);
        });
    }
}

/// Notes a question and finds what is to be said.
fn hear(question: &[u8], from: SocketAddr, tcp: bool, shared: &Shared) -> Option<Say> {
    let message = Message::from_octets(question).ok()?;
    let asked = message.sole_question().ok()?;
    let name = asked.qname().to_string().to_lowercase();
    let name = name.trim_end_matches('.').to_owned();
    let rtype = asked.qtype();
    shared.asked.lock().unwrap().push(Asked {
        name: name.clone(),
        rtype,
        id: message.header().id(),
        from,
        tcp,
    });
    let table = shared.table.lock().unwrap();
    let exists = table.keys().any(|(n, _)| *n == name);
    let otherwise = if exists { Say::NoData } else { Say::NoName };
    Some(table.get(&(name, rtype)).cloned().unwrap_or(otherwise))
}

fn answer(question: &[u8], say: Say, tcp: bool, send: &dyn Fn(&[u8])) {
    match say {
        Say::Nothing => {}
        Say::Late(time, say) => {
            std::thread::sleep(time);
            answer(question, *say, tcp, send);
        }
        Say::Cut(say) if tcp => answer(question, *say, tcp, send),
        Say::Cut(_) => {
            let mut message = compose(question, &Say::NoData);
            message[2] |= 2;
            send(&message);
        }
        Say::Spoiled(changes, say) => {
            let mut message = compose(question, &say);
            for (at, byte) in changes {
                message[at] = byte;
            }
            send(&message);
            answer(question, *say, tcp, send);
        }
        Say::Short(length, say) => send(&compose(question, &say)[..length]),
        Say::Records(..) | Say::NoName | Say::NoData | Say::Fail(_) => {
            send(&compose(question, &say));
        }
    }
}

fn compose(question: &[u8], say: &Say) -> Vec<u8> {
    let question = Message::from_octets(question).expect("heard before");
    let rcode = match say {
        Say::NoName => Rcode::NXDOMAIN,
        Say::Fail(rcode) => *rcode,
        _ => Rcode::NOERROR,
    };
    let mut builder = MessageBuilder::new_vec()
        .start_answer(&question, rcode)
        .expect("room");
    builder.header_mut().set_ra(true);
    let owner: N = N::from_str(&question.sole_question().unwrap().qname().to_string()).unwrap();
    if let Say::Records(ttl, records) = say {
        records
            .iter()
            .for_each(|r| push(&mut builder, &owner, *ttl, r));
        return builder.finish();
    }
    let mut builder = builder.authority();
    if !matches!(say, Say::Fail(_)) {
        let (zero, minimum) = (Ttl::from_secs(0), Ttl::from_secs(3600));
        let (m, r) = (name("m.test"), name("r.test"));
        let soa = rdata::Soa::new(m, r, Serial(1), zero, zero, zero, minimum);
        builder.push((name("test"), 3600u32, soa)).expect("room");
    }
    builder.finish()
}

fn name(text: &str) -> N {
    N::from_str(text).expect("a name")
}

fn push(builder: &mut AnswerBuilder<Vec<u8>>, owner: &N, ttl: u32, record: &Rr) {
    let pushed = match record {
        Rr::Ip(IpAddr::V4(ip)) => builder.push((owner, ttl, rdata::A::new(*ip))),
        Rr::Ip(IpAddr::V6(ip)) => builder.push((owner, ttl, rdata::Aaaa::new(*ip))),
        Rr::Srv(priority, weight, port, target) => {
            let data = rdata::Srv::new(*priority, *weight, *port, name(target));
            builder.push((owner, ttl, data))
        }
        Rr::Naptr(order, preference, service, to) => {
            let text = |t: &str| domain::base::charstr::CharStr::<Vec<u8>>::from_str(t).unwrap();
            let data = rdata::Naptr::new(
                *order,
                *preference,
                text("s"),
                text(service),
                text(""),
                name(to),
            );
            builder.push((owner, ttl, data))
        }
        Rr::Cname(to) => builder.push((owner, ttl, rdata::Cname::new(name(to)))),
        Rr::Ptr(to) => builder.push((owner, ttl, rdata::Ptr::new(name(to)))),
    };
    pushed.expect("room");
}
