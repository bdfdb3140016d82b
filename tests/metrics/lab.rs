//! A server with module prometheus, a phone, and the page as it is now.

use crate::common::sip::Phone;
use crate::common::{Foreground, PATIENCE, Setup, free_port_pair, load, rpc, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;

/// The server.
pub struct Lab {
    setup: Setup,
    pub server: Foreground,
    pub phone: Phone,
    /// Of the page.
    port: u16,
}

impl Lab {
    /// With these modules beside `sl`, `ctl` and `prometheus`, and this text: parameters and routes.
    pub fn new(modules: &[&str], text: &str) -> Lab {
        let (setup, port) = (Setup::new(), free_port_pair());
        let ctl = setup.path("ctl");
        let config = format!(
            "{}modparam(\"ctl\", \"fifo\", \"unixs:{}\")\nmodparam(\"prometheus\", \"port\", {port})\n{text}\n",
            load(&[&["sl", "ctl", "prometheus"], modules].concat()),
            ctl.display()
        );
        std::fs::write(setup.path("ser.cfg"), config).expect("the config is written");
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        Lab {
            setup,
            server,
            phone: Phone::new(),
            port,
        }
    }

    /// Where it receives.
    pub fn addr(&self) -> (&'static str, u16) {
        self.setup.addr()
    }

    /// Calls an RPC method; all lines of the answer in one.
    pub fn rpc(&self, method: &str, params: &[&str]) -> String {
        rpc::call(&self.setup.path("ctl"), method, params).join(" ")
    }

    /// Sends a request and gives the first line of its answer.
    pub fn ask(&self, method: &str, uri: &str) -> String {
        let request = self.phone.request(method, uri);
        let answer = self.phone.ask(request, self.addr());
        answer.lines().next().unwrap_or_default().to_owned()
    }

    /// Sends bytes to the page's port and reads to the end.
    pub fn raw(&self, text: &str) -> String {
        let mut socket = self.connect();
        let mut answer = Vec::new();
        // The server may close at once; what came before a reset counts.
        let _ = socket.write_all(text.as_bytes());
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A connection to the page's port.
    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    /// The page once `seen` is true of it: a process counts what it did a moment after it is seen from outside.
    pub fn page_where(&self, what: &str, seen: impl Fn(&Page) -> bool) -> Page {
        wait_until(what, || seen(&self.page()));
        self.page()
    }

    /// The page, in the text format, by HTTP/1.0.
    pub fn page(&self) -> Page {
        let answer = self.raw("GET /metrics HTTP/1.0\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        Page(body.to_owned())
    }
}

/// The reply of a callee: the request's header fields that a reply repeats, with a tag.
pub fn reply(request: &str, status: &str) -> String {
    let repeated = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let is_repeated = |line: &&str| repeated.iter().any(|name| line.starts_with(name));
    let lines = request.lines().filter(is_repeated).map(|line| match line {
        to if to.starts_with("To:") => format!("{to};tag=callee\r\n"),
        line => format!("{line}\r\n"),
    });
    let lines: String = lines.collect();
    format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n")
}

/// The text of a page.
pub struct Page(pub String);

impl Page {
    /// The value behind this name with its labels, if it is there.
    pub fn find(&self, name: &str) -> Option<f64> {
        let mut lines = self.0.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(value.parse().expect("a number"))
    }

    /// The same; it is there.
    pub fn value(&self, name: &str) -> f64 {
        self.find(name)
            .unwrap_or_else(|| panic!("{name} is missing:\n{}", self.0))
    }

    /// The sum of all values of that name, whatever their labels.
    pub fn sum(&self, name: &str) -> f64 {
        let of_name = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = rest.rsplit_once(' ')?.1;
            rest.starts_with(['{', ' ']).then_some(value)
        });
        of_name.map(|v| v.parse::<f64>().expect("a number")).sum()
    }
}
