//! A server with a script that does much to each message, and phones around it.

use crate::common::dump::Dump;
use crate::common::sip::{Phone, first_line, header};
use crate::common::{Foreground, Setup, load, wait_until};
use std::time::Duration;

/// Reads a message in many ways, edits it, and ends each request in one of four ways: answered,
/// forwarded to the callee, dropped by a counter, or a script error. All answers go to the sender and
/// all replies to the callee, whatever they say.
const SCRIPT: &str = r#"
debug=-2
modparam("registrar", "min_expires", 3600)
route {
    if (method == "OPTIONS" && uri =~ "^sip:ping@") {
        sl_send_reply("200", "Pong");
        drop;
    };
    force_rport();
    xlog("L_CRIT", "READ %mi %rm %ru %rs %rr %fu %ft %tu %tt %ci %cs %ct %is %nh %ds %br %ua %si:%sp %ml %mf\n");
    xlog("L_CRIT", "MORE %@via[1].host %@via[2].port %@via[-1].branch %@from.name %@to.params.tag %@contact.uri %@cseq.method\n");
    xlog("L_CRIT", "ALSO %@ruri.user %@ruri.host %@ruri.params %@max_forwards %@content_length %@expires %@msg.h.subject\n");
    if (!mf_process_maxfwd_header("10")) {
        if (!sl_send_reply("483", "Too Many Hops")) { return -1; };
        drop;
    };
    if (search("never [0-9]+ in (any|every) message")) { log(-2, "BUG: found\n"); };
    append_hf("P-Test: %fu;%ci;%@ruri.user\r\n");
    remove_hf("Subject");
    is_present_hf("Contact");
    subst('/^Contact:(.*)sip:([^@]*)@/Contact:\1sip:\2@/i');
    append_hf_value("P-List", "%ru");
    include_hf_value("Supported", "test");
    remove_hf_value("Route");
    $user = @ruri.user;
    $from = @from.uri;
    if ($user == "nobody" || uri == myself || src_ip == myself) { setflag(1); };
    if (method == "REGISTER") {
        if (!save("location")) {
            if (!sl_reply_error()) { return -1; };
        };
        drop;
    };
    if (method == "INVITE" || method == "SUBSCRIBE") { record_route(); };
    loose_route();
    lookup("location");
    if (!RELAY) {
        if (!sl_reply_error()) { return -1; };
    };
}
onreply_route {
    xlog("L_CRIT", "REPLY %rs %rr %ci %cs %@via[2].host %@contact.uri\n");
    if (@via[2].host != "127.0.0.1" || @via[2].port != "CALLEE") { drop; };
    if (@via[2].received) { drop; };
    append_hf("P-Test: reply %ci\r\n");
    remove_hf("Contact");
}
"#;

/// The server, who sends, and to whom the server forwards.
pub struct Lab {
    pub setup: Setup,
    pub server: Foreground,
    pub sender: Phone,
    pub callee: Phone,
    receivers: Vec<i32>,
    sent: u64,
}

/// What came of the messages since the last look.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Seen {
    /// First lines of what the sender got.
    pub answers: Vec<String>,
    /// First lines of what the callee got.
    pub forwarded: Vec<String>,
}

impl Lab {
    /// With so many receivers, relaying without transactions.
    pub fn open(children: u32) -> Lab {
        Lab::relaying(children, "", "forward(127.0.0.1, CALLEE)")
    }

    /// The same with transactions, which do not live long: nobody answers what is relayed.
    pub fn open_stateful(children: u32) -> Lab {
        let short = |name| format!("modparam(\"tm\", \"{name}\", 200)\n");
        let timers = ["fr_timer", "fr_inv_timer", "wt_timer", "retr_timer1"].map(short);
        let more = load(&["tm"]) + &timers.concat();
        Lab::relaying(children, &more, "t_relay_to_udp(\"127.0.0.1\", \"CALLEE\")")
    }

    fn relaying(children: u32, more: &str, relay: &str) -> Lab {
        let callee = Phone::new();
        let modules = [
            "sl",
            "maxfwd",
            "rr",
            "textops",
            "xlog",
            "usrloc",
            "registrar",
        ];
        let script = SCRIPT.replace("RELAY", relay);
        let script = script.replace("CALLEE", &callee.port().to_string());
        let setup = Setup::with_config(&format!("{}{more}{script}", load(&modules)));
        let server = setup.foreground(&["-D", "-D", "-E", "-n", &children.to_string()]);
        let children = server.tree.children();
        let receivers = children.iter().filter(|p| p.desc().starts_with("receiver"));
        Lab {
            receivers: receivers.map(|p| p.pid).collect(),
            sender: Phone::new(),
            setup,
            server,
            callee,
            sent: 0,
        }
    }

    /// Sends one datagram.
    pub fn send(&mut self, bytes: &[u8]) {
        self.sender.send(bytes, self.setup.addr());
        self.sent += 1;
    }

    /// Waits until a request behind all that was sent is answered. With one receiver everything
    /// before it has been dealt with then.
    pub fn settle(&mut self) -> Seen {
        let ping = self.sender.request("OPTIONS", "sip:ping@localhost");
        let call_id = header(&ping, "Call-ID").map(str::to_owned);
        self.send(ping.as_bytes());
        let mut seen = Seen::default();
        loop {
            let answer = self.sender.recv();
            if header(&answer, "Call-ID").map(str::to_owned) == call_id {
                break;
            }
            seen.answers.push(first_line(&answer).to_owned());
        }
        while let Some((message, _)) = self.callee.try_recv(Duration::ZERO) {
            let message = String::from_utf8_lossy(&message);
            seen.forwarded.push(first_line(&message).to_owned());
        }
        seen
    }

    /// Sends all of them, never more at once than the server's receive buffer holds.
    pub fn send_all(&mut self, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        let mut bytes = 0;
        for datagram in datagrams {
            self.send(&datagram);
            bytes += datagram.len() + 1000;
            if bytes > 60_000 {
                self.settle();
                bytes = 0;
            }
        }
        self.settle();
    }

    /// Waits until every message is accounted for: answered, forwarded or counted as dropped.
    pub fn account(&self) -> Dump {
        let mut dump = Dump::of(&self.setup, &self.server);
        wait_until("all datagrams are taken", || {
            dump = Dump::of(&self.setup, &self.server);
            dump.value("rcv.packets") == self.sent && balance(&dump) == (0, 0)
        });
        dump
    }

    /// What the server tells about itself.
    pub fn dump(&self) -> Dump {
        Dump::of(&self.setup, &self.server)
    }

    /// Shared memory in use, in bytes, once it does not change any more.
    pub fn settle_memory(&self) -> u64 {
        let (mut last, mut same) = (0, 0);
        wait_until("the memory in use stays", || {
            let used = self.dump().value("used");
            same = if used == last { same + 1 } else { 0 };
            last = used;
            std::thread::sleep(Duration::from_millis(100));
            same >= 15
        });
        last
    }

    /// Memory that each receiver has of its own, in KiB.
    pub fn private_kib(&self) -> Vec<u64> {
        let of = |pid: &i32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
            let number = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
            number.expect("RssAnon in the status of a process")
        };
        self.receivers.iter().map(of).collect()
    }

    /// The receivers are those of the start, and none of them panicked.
    pub fn assert_well(&self) {
        let children = self.server.tree.children();
        let now = children.iter().filter(|p| p.desc().starts_with("receiver"));
        let now: Vec<_> = now.map(|p| p.pid).collect();
        assert_eq!(now, self.receivers, "a receiver died");
        let log = self.setup.read("err");
        for bad in ["BUG: ", "panicked", "exited by a signal"] {
            let line = log.lines().find(|line| line.contains(bad));
            assert_eq!(line, None);
        }
    }
}

/// Datagrams that were neither dropped nor taken as messages, and messages of which nothing came.
fn balance(dump: &Dump) -> (i64, i64) {
    let value = |name| dump.value(name) as i64;
    let messages = value("rcv.requests") + value("rcv.replies");
    let lost = value("rcv.packets") - value("drop.short") - value("drop.parse") - messages;
    let ended = [
        "sl.replies",
        "fwd.requests",
        "fwd.replies",
        "script.errors",
        "drop.via",
    ];
    let more = ["drop.callback", "drop.nonsip", "drop.reply"];
    let ended: i64 = ended.into_iter().chain(more).map(value).sum();
    (lost, messages - ended)
}
