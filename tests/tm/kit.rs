//! A proxy with a script, and callers and callees that read and write whole messages.

use crate::common::sip::{Phone, header};
use crate::common::{Foreground, PATIENCE, Setup, load, rpc, wait_until};
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Long enough that something would have come if it were to come.
pub const SILENCE: Duration = Duration::from_millis(400);

/// A running server.
pub struct Proxy {
    pub setup: Setup,
    pub server: Foreground,
    /// Socket of module ctl.
    pub control: PathBuf,
    // Keeps the folder of that socket.
    _folder: TempDir,
}

/// Modules that the scripts of these tests use.
const MODULES: &[&str] = &["sl", "tm", "rr", "textops", "xlog", "ctl", "testmod"];

impl Proxy {
    /// With this text behind the `loadmodule` lines: parameters and routes.
    pub fn new(text: &str) -> Proxy {
        Proxy::with_options(text, &[])
    }

    /// The same with further options of the command line.
    pub fn with_options(text: &str, options: &[&str]) -> Proxy {
        Proxy::with_modules(MODULES, text, options)
    }

    /// The same with modules of the test's choice.
    pub fn with_modules(modules: &[&str], text: &str, options: &[&str]) -> Proxy {
        let folder = tempfile::tempdir().expect("a folder");
        let control = folder.path().join("ctl");
        let config = format!(
            "{}modparam(\"ctl\", \"fifo\", \"unix:{}\")\n{text}",
            load(modules),
            control.display()
        );
        let setup = Setup::with_config(&config);
        let all = [&["-D", "-D", "-E"], options].concat();
        let server = setup.foreground(&all);
        Proxy {
            setup,
            server,
            control,
            _folder: folder,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> (&'static str, u16) {
        self.setup.addr()
    }

    /// Calls an RPC method over the line protocol of module ctl; `call` is the method and its parameters, `|`
    /// between them. The answer is `200 OK` and the values, or the code and reason of a fault.
    pub fn rpc(&self, call: &str) -> String {
        let mut parts = call.split('|');
        let method = parts.next().unwrap_or_default();
        let params: Vec<&str> = parts.filter(|p| !p.is_empty()).collect();
        rpc::call(&self.control, method, &params).join(" ")
    }

    /// One number of `tm.stats`.
    pub fn stat(&self, name: &str) -> i64 {
        let answer = self.rpc("tm.stats");
        let mut values = answer
            .split([',', ' '])
            .filter_map(|pair| pair.split_once(':'));
        let (_, value) = values
            .find(|(n, _)| *n == name)
            .unwrap_or_else(|| panic!("{name}: {answer}"));
        value.parse().expect("a number")
    }

    /// What the script has logged behind `label: `, a line each.
    pub fn logged(&self, label: &str) -> Vec<String> {
        let start = format!("{label}: ");
        let log = self.setup.read("err");
        let lines = log.lines().filter_map(|line| line.split_once(&start));
        lines.map(|(_, text)| text.to_owned()).collect()
    }

    /// Waits until the script has logged just that behind `label: `.
    pub fn expect_logged(&self, label: &str, lines: &[&str]) {
        wait_until("the script goes on", || {
            self.logged(label).len() >= lines.len()
        });
        assert_eq!(self.logged(label), lines);
    }

    /// Waits until no transaction is left.
    pub fn wait_idle(&self) {
        wait_until("all transactions end", || self.stat("current") == 0);
    }

    /// Bytes of shared memory that module tm holds.
    pub fn shared_memory(&self) -> u64 {
        let all = || -> Vec<String> {
            let log = self.setup.read("err");
            let ours = log.lines().filter(|line| line.ends_with("bytes from tm"));
            ours.map(str::to_owned).collect()
        };
        let before = all().len();
        self.server.signal(Signal::SIGUSR1);
        wait_until("the server tells of its memory", || all().len() > before);
        let line = all().pop().expect("just seen");
        let (_, size) = line.split_once("size=").expect("a size");
        let number = size.trim_start().split(' ').next().unwrap_or_default();
        number.parse().expect("a number of bytes")
    }
}

pub use crate::common::sip::reply;

/// What one side of a call does.
pub trait Talks {
    fn phone(&self) -> &Phone;

    /// The next message whose first line begins with `start`, others (retransmissions, other branches)
    /// left aside; panics when none comes.
    fn expect(&self, start: &str) -> String {
        let end = std::time::Instant::now() + PATIENCE;
        let mut others = Vec::new();
        while std::time::Instant::now() < end {
            let Some((bytes, _)) = self.phone().try_recv(Duration::from_secs(1)) else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.starts_with(start) {
                return text;
            }
            assert!(others.len() < 1000, "no {start} has come, but {others:?}");
            others.push(text.lines().next().unwrap_or_default().to_owned());
        }
        panic!("no {start} has come, but {others:?}");
    }

    /// One message for each of these starts, in whatever order they come.
    fn expect_all<const N: usize>(&self, starts: [&str; N]) -> [String; N] {
        let mut found = [const { String::new() }; N];
        while let Some(missing) = (0..N).find(|&i| found[i].is_empty()) {
            let Some((bytes, _)) = self.phone().try_recv(PATIENCE) else {
                panic!("no {} has come, but {found:?}", starts[missing]);
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let fits = |&i: &usize| found[i].is_empty() && text.starts_with(starts[i]);
            match (missing..N).find(fits) {
                Some(i) => found[i] = text,
                None => continue,
            }
        }
        found
    }

    /// The first lines of all that comes until nothing has come for [`SILENCE`].
    fn rest(&self) -> Vec<String> {
        self.rest_of(SILENCE.as_millis() as u64)
    }

    /// As [`Talks::rest`] with so many milliseconds.
    fn rest_of(&self, silence: u64) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some((bytes, _)) = self.phone().try_recv(Duration::from_millis(silence)) {
            let text = String::from_utf8_lossy(&bytes);
            lines.push(text.lines().next().unwrap_or_default().to_owned());
        }
        lines
    }
}

impl Talks for Phone {
    fn phone(&self) -> &Phone {
        self
    }
}

/// The ACK to a negative reply: same branch, To of the reply.
pub fn ack(request: &str, reply: &str) -> String {
    derived(request, "ACK", header(reply, "To").expect("a To"))
}

/// The CANCEL of a request.
pub fn cancel(request: &str) -> String {
    derived(request, "CANCEL", header(request, "To").expect("a To"))
}

fn derived(request: &str, method: &str, to: &str) -> String {
    let get = |name| header(request, name).unwrap_or_else(|| panic!("no {name}: {request}"));
    let uri = request.split(' ').nth(1).expect("a Request-URI");
    let cseq = get("CSeq").split(' ').next().expect("a number");
    format!(
        "{method} {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\n\
         CSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
        get("Via"),
        get("From"),
        get("Call-ID"),
    )
}

/// A URI that leads to that phone.
pub fn uri(name: &str, phone: &Phone) -> String {
    format!("sip:{name}@{}", phone.addr())
}
