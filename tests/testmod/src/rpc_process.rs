//! A process that serves RPC to tests: a datagram holds method and parameters, its answer `code reason` and the
//! values, all separated by NUL.

use ser::core::module::IntParam;
use ser::core::process::{ProcessSpec, idle, rank, register_process, stop_unless_busy};
use ser::core::rpc::{self, RpcContext, RpcEnd, RpcFault, RpcRest, RpcValue};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// UDP port on 127.0.0.1; 0: there is no such process.
pub(crate) static PORT: IntParam = IntParam::new(0);
/// 1: replies may come later; 0: methods wait themselves.
pub(crate) static LATER: IntParam = IntParam::new(1);

pub(crate) fn init() -> Result<(), String> {
    if PORT.get() == 0 {
        return Ok(());
    }
    register_process(ProcessSpec {
        desc: "test rpc".into(),
        rank: rank::PROC_RPC,
        count: 1,
        run: serve,
    })
}

fn serve() {
    let socket = UdpSocket::bind(("127.0.0.1", PORT.get() as u16)).expect("the port is free");
    let look = Some(Duration::from_millis(10));
    socket.set_read_timeout(look).expect("a timeout");
    let mut waiting: Vec<(RpcRest, SocketAddr)> = Vec::new();
    let mut buffer = vec![0; 65_535];
    loop {
        if let Ok((length, from)) = idle(|| socket.recv_from(&mut buffer)) {
            let mut call = Call::new(&buffer[..length]);
            let result = call.run();
            let values = call.values;
            match call.rest.take() {
                Some(rest) => waiting.push((rest, from)),
                None => answer(&socket, from, RpcEnd { values, result }),
            }
        }
        waiting.retain_mut(|(rest, from)| match rest() {
            Some(end) => {
                answer(&socket, *from, end);
                false
            }
            None => true,
        });
        stop_unless_busy(!waiting.is_empty());
    }
}

fn answer(socket: &UdpSocket, to: SocketAddr, end: RpcEnd) {
    let mut text = match end.result {
        Ok(()) => b"200 OK".to_vec(),
        Err(fault) => format!("{} {}", fault.code, fault.reason).into_bytes(),
    };
    for value in &end.values {
        text.push(0);
        text.extend(show(value));
    }
    socket.send_to(&text, to).expect("sent");
}

fn show(value: &RpcValue) -> Vec<u8> {
    match value {
        RpcValue::Int(n) | RpcValue::Time(n) => n.to_string().into_bytes(),
        RpcValue::Bool(b) => u8::from(*b).to_string().into_bytes(),
        RpcValue::Double(d) => d.to_string().into_bytes(),
        RpcValue::Str(text) => text.clone(),
        RpcValue::Struct(members) => {
            let pairs = members.iter();
            let pairs = pairs.map(|(name, v)| [name.as_bytes(), b"=", &show(v)].concat());
            pairs.collect::<Vec<_>>().join(&b","[..])
        }
        RpcValue::Array(values) => {
            let values: Vec<_> = values.iter().map(show).collect();
            values.join(&b","[..])
        }
    }
}

struct Call<'c> {
    method: &'c [u8],
    params: Vec<&'c [u8]>,
    values: Vec<RpcValue>,
    rest: Option<RpcRest>,
}

impl<'c> Call<'c> {
    fn new(datagram: &'c [u8]) -> Call<'c> {
        let mut parts = datagram.split(|b| *b == 0);
        Call {
            method: parts.next().unwrap_or_default(),
            params: parts.collect(),
            values: Vec::new(),
            rest: None,
        }
    }

    fn run(&mut self) -> Result<(), RpcFault> {
        let found = rpc::find(self.method);
        let found = found.ok_or_else(|| RpcFault::new(500, "no such method"))?;
        rpc::call(found, self)
    }

    fn next(&mut self) -> Result<&'c [u8], RpcFault> {
        if self.params.is_empty() {
            return Err(RpcFault::new(400, "parameter missing"));
        }
        Ok(self.params.remove(0))
    }

    fn next_parsed<T: std::str::FromStr>(&mut self) -> Result<T, RpcFault> {
        let text = std::str::from_utf8(self.next()?).ok();
        let parsed = text.and_then(|t| t.parse().ok());
        parsed.ok_or_else(|| RpcFault::new(400, "not a number"))
    }
}

impl RpcContext for Call<'_> {
    fn next_int(&mut self) -> Result<i64, RpcFault> {
        self.next_parsed()
    }
    fn next_str(&mut self) -> Result<Vec<u8>, RpcFault> {
        self.next().map(<[u8]>::to_vec)
    }
    fn next_double(&mut self) -> Result<f64, RpcFault> {
        self.next_parsed()
    }
    fn has_next(&self) -> bool {
        !self.params.is_empty()
    }
    fn add(&mut self, value: RpcValue) -> Result<(), RpcFault> {
        self.values.push(value);
        Ok(())
    }
    fn finish(&mut self) -> Result<(), RpcFault> {
        Ok(())
    }
    fn later(&mut self, rest: RpcRest) -> Result<(), RpcRest> {
        if LATER.get() == 0 {
            return Err(rest);
        }
        self.rest = Some(rest);
        Ok(())
    }
}
