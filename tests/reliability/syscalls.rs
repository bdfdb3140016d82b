//! A system call fails once in each process, the first time, the second, and so on: the server stays up, what callers
//! repeat is served, and afterwards everything is as it was.

use crate::common::sip::{Phone, first_line, header, reply};
use crate::common::{Foreground, Setup, free_port, load, wait_until};
use crate::strace::{Fault, Strace, can_inject};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const MODULES: [&str; 9] = [
    "sl",
    "tm",
    "rr",
    "usrloc",
    "registrar",
    "ctl",
    "fifo",
    "exec",
    "prometheus",
];

const SCRIPT: &str = r#"
route {
    if (method == "REGISTER") {
        save("location");
        exit;
    }
    if (method == "OPTIONS") {
        exec_msg("true");
        sl_send_reply("200", "OK");
        exit;
    }
    record_route();
    t_on_reply("1");
    if (!t_relay()) { sl_reply_error(); }
}
onreply_route[1] {
    if (status == "999") { drop; }
}
"#;

/// How many calls of a kind fail, one after the other (`FAULTS`).
pub fn depth() -> u32 {
    std::env::var("FAULTS").map_or(2, |n| n.parse().expect("FAULTS is a number"))
}

/// Whether a call is to fail: `CALL` names one, else all are.
pub fn is_wanted((call, _): &Fault) -> bool {
    std::env::var("CALL").map_or(true, |only| only == *call)
}

/// A ser.cfg, and the port of the page of metrics.
pub fn config(setup: &Setup) -> (String, u16) {
    let page = free_port();
    let path = |name: &str| setup.path(name).display().to_string();
    let config = format!(
        "{}modparam(\"ctl\", \"fifo\", \"unixs:{}\")\n\
         modparam(\"fifo\", \"fifo_file\", \"{}\")\n\
         modparam(\"prometheus\", \"port\", {page})\n\
         modparam(\"tm\", \"fr_timer\", 1500)\n{SCRIPT}",
        load(&MODULES),
        path("ctl"),
        path("fifo"),
    );
    (config, page)
}

struct Lab {
    setup: Setup,
    server: Foreground,
    page: u16,
    phone: Phone,
    callee: Phone,
}

impl Lab {
    fn new() -> Lab {
        let setup = Setup::new();
        let (config, page) = config(&setup);
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let server = setup.foreground(&["-D", "-D", "-E"]);
        Lab {
            page,
            server,
            phone: Phone::new(),
            callee: Phone::new(),
            setup,
        }
    }

    /// Sends a request until it is answered, as a phone does.
    fn ask(&self, request: &str) -> String {
        for _ in 0..60 {
            self.phone.send(request, self.setup.addr());
            while let Some((bytes, _)) = self.phone.try_recv(Duration::from_millis(150)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let ours = header(&text, "Call-ID") == header(request, "Call-ID");
                if ours && !first_line(&text).starts_with("SIP/2.0 1") {
                    return text;
                }
            }
        }
        panic!("no answer to {}", first_line(request));
    }

    fn register(&self) -> String {
        let request = self.phone.request("REGISTER", "sip:localhost");
        let contact = "Contact: <sip:bob@127.0.0.1:5099>;expires=600\r\nContent-Length";
        first_line(&self.ask(&request.replacen("Content-Length", contact, 1))).to_owned()
    }

    fn options(&self) -> String {
        let request = self.phone.request("OPTIONS", "sip:localhost");
        first_line(&self.ask(&request)).to_owned()
    }

    /// A request that is relayed and answered; what the caller gets.
    fn call(&self) -> String {
        let uri = format!("sip:{}", self.callee.addr());
        let request = self.phone.request("MESSAGE", &uri);
        for _ in 0..60 {
            self.phone.send(&request, self.setup.addr());
            while let Some((bytes, from)) = self.callee.try_recv(Duration::from_millis(60)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.callee.send(reply(&text, "200 OK", "callee", ""), from);
            }
            while let Some((bytes, _)) = self.phone.try_recv(Duration::from_millis(60)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let ours = header(&text, "Call-ID") == header(&request, "Call-ID");
                if ours && !first_line(&text).starts_with("SIP/2.0 1") {
                    return first_line(&text).to_owned();
                }
            }
        }
        panic!("the call has no answer");
    }

    /// The answer of an RPC method; `None` if there is none.
    fn try_rpc(&self, method: &str, params: &[&str]) -> Option<String> {
        let mut socket = UnixStream::connect(self.setup.path("ctl")).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
        let params: String = params.iter().map(|p| format!("{p}\n")).collect();
        socket
            .write_all(format!(":{method}:\n{params}\n").as_bytes())
            .ok()?;
        socket.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        (!answer.is_empty()).then_some(answer)
    }

    fn rpc(&self, method: &str, params: &[&str]) -> String {
        let mut answer = None;
        wait_until(method, || {
            answer = self.try_rpc(method, params);
            answer.is_some()
        });
        answer.unwrap_or_default()
    }

    fn try_page(&self) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.page)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
        socket
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        answer.contains("ser_processes").then_some(answer)
    }

    /// A command for the FIFO without a reply.
    fn try_fifo(&self) {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = std::fs::OpenOptions::new();
        options
            .write(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
        if let Ok(mut fifo) = options.open(self.setup.path("fifo")) {
            let _ = fifo.write_all(b":uptime:\n\n");
        }
    }

    /// What clients and operators do while calls fail. Whatever is repeated is served; the rest may fail.
    fn use_it(&self) {
        assert_eq!(self.register(), "SIP/2.0 200 OK");
        self.options();
        self.call();
        self.try_rpc("core.uptime", &[]);
        self.try_fifo();
        self.try_page();
        self.try_rpc("core.reload", &[]);
        let socket = format!("udp:127.0.0.1:{}", self.setup.port);
        self.try_rpc("core.children", &[&socket, "3"]);
        let receiver = self.server.tree.children().into_iter();
        if let Some(one) = receiver
            .into_iter()
            .find(|p| p.desc().starts_with("receiver"))
        {
            let pid = nix::unistd::Pid::from_raw(one.pid);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        assert_eq!(self.register(), "SIP/2.0 200 OK");
    }

    /// Everything is as it was.
    fn check(&self) {
        assert_eq!(self.register(), "SIP/2.0 200 OK");
        assert_eq!(self.options(), "SIP/2.0 200 OK");
        assert_eq!(self.call(), "SIP/2.0 200 OK");
        let checked = self.rpc("core.shm_check", &[]);
        assert!(checked.starts_with("200 OK"), "{checked}");
        wait_until("the page is there", || self.try_page().is_some());
        let reload = self.rpc("core.reload", &[]);
        assert!(reload.starts_with("200 OK"), "{reload}");
        let socket = format!("udp:127.0.0.1:{}", self.setup.port);
        let children = self.rpc("core.children", &[&socket, "2"]);
        assert!(children.starts_with("200 OK"), "{children}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let injected = self.setup.read("strace");
            let injected = injected.lines().filter(|line| line.contains("INJECTED"));
            injected.for_each(|line| eprintln!("{line}"));
            eprintln!("{}", self.setup.read("err"));
        }
    }
}

/// All of them, and which do not end well.
fn each(faults: &[Fault]) {
    if !can_inject() {
        return;
    }
    let failed: Vec<&Fault> = faults
        .iter()
        .filter(|fault| is_wanted(fault))
        .filter(|fault| std::panic::catch_unwind(|| case(**fault)).is_err())
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

fn case(fault: Fault) {
    let lab = Lab::new();
    let mut all = 0;
    for n in 1..=depth() {
        let strace = Strace::attach(&lab.server, fault, n, &lab.setup.path("strace"));
        lab.use_it();
        strace.detach();
        let failed = lab.setup.read("strace").matches("INJECTED").count();
        eprintln!("{fault:?}, time {n}: {failed} calls failed");
        lab.check();
        all += failed;
    }
    assert!(all > 0, "{fault:?}: nobody makes that call");
    let log = lab.setup.read("err");
    let bad = log
        .lines()
        .find(|line| line.contains("BUG") || line.contains("panic"));
    assert_eq!(bad, None, "{fault:?}");
}

#[test]
fn the_network_fails() {
    each(&[
        ("sendto", "ENOBUFS"),
        ("recvfrom", "ENOMEM"),
        ("accept4", "EMFILE"),
        ("getsockopt", "ENOBUFS"),
        ("setsockopt", "ENOMEM"),
        ("ppoll", "ENOMEM"),
        ("poll", "ENOMEM"),
        ("epoll_create1", "EMFILE"),
        ("epoll_pwait", "EINTR"),
        ("epoll_ctl", "ENOMEM"),
        ("timerfd_create", "EMFILE"),
    ]);
}

#[test]
fn files_and_pipes_fail() {
    each(&[
        ("read", "EIO"),
        ("write", "ENOSPC"),
        ("openat", "EMFILE"),
        ("close", "EIO"),
        ("pipe2", "EMFILE"),
        ("fcntl", "ENOLCK"),
        ("memfd_create", "EMFILE"),
        ("statx", "EACCES"),
        ("newfstatat", "EACCES"),
        ("readlink", "EACCES"),
        ("lseek", "ESPIPE"),
    ]);
}

#[test]
fn processes_and_memory_fail() {
    each(&[
        ("clone", "EAGAIN"),
        ("clone3", "EAGAIN"),
        ("execve", "ENOMEM"),
        ("wait4", "EINTR"),
        ("kill", "EPERM"),
        ("prctl", "EPERM"),
        ("futex", "EINTR"),
        ("mmap", "ENOMEM"),
        ("munmap", "ENOMEM"),
        ("mprotect", "ENOMEM"),
        ("getrandom", "ENOSYS"),
        ("rt_sigaction", "EINVAL"),
    ]);
}
