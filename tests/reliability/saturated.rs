//! A server with one receiver that is held up in the script while its queue fills.
//!
//! Nothing here depends on the speed of the machine: the receiver waits for a file, the queue is filled by looking
//! at it, and what is in it comes out in the order in which it went in.

use crate::common::sip::{Phone, first_line, request};
use crate::common::{Foreground, PATIENCE, Setup, load, rpc, wait_until};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// HOLD waits for the file `go`; SLOW takes long enough that it shows as lasting pressure after two of them.
const SCRIPT: &str = r#"
route {
    if (method == "HOLD") { exec("while [ ! -e @GO@ ]; do sleep 0.02; done"); }
    if (method == "SLOW") { test_sleep(60); }
    if (method == "ACK") { log(-3, "TEST: ACK in the script\n"); drop; }
    sl_send_reply("200", "OK");
}
"#;

/// How many SLOW make an overload of a full queue.
const SLOW: usize = 3;

/// The server and who talks to it.
pub struct Saturated {
    pub setup: Setup,
    _server: Foreground,
    pub phone: Phone,
}

impl Saturated {
    /// With these core parameters; the receiver is held up and the requests that will make the overload wait.
    pub fn new(params: &str) -> Saturated {
        let this = Saturated::calm(params);
        this.hold();
        this
    }

    /// The same before anything is sent.
    pub fn calm(params: &str) -> Saturated {
        let setup = Setup::new();
        let script = SCRIPT.replace("@GO@", setup.path("go").to_str().expect("a plain name"));
        let control = format!(
            "modparam(\"ctl\", \"fifo\", \"unix:{}\")\n",
            setup.path("ctl").display()
        );
        let modules = load(&["sl", "ctl", "testmod"]);
        let config = format!("{params}\n{modules}{control}{script}");
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        let phone = Phone::new();
        Saturated {
            setup,
            _server: server,
            phone,
        }
    }

    /// Holds the receiver up.
    pub fn hold(&self) {
        let hold = within_dialog(&self.phone.request("HOLD", "sip:localhost"));
        self.send(&hold);
        wait_until("the receiver is held up", || self.queue().0 == 0);
        for _ in 0..SLOW {
            self.send(&within_dialog(&self.phone.request("SLOW", "sip:localhost")));
        }
    }

    pub fn send(&self, request: &str) {
        self.phone.send(request, self.setup.addr());
    }

    /// Fills the queue with requests of this method to so many percent; they are returned.
    pub fn fill(&self, method: &str, percent: u64) -> Vec<String> {
        let mut sent = Vec::new();
        loop {
            let (bytes, limit) = self.queue();
            if bytes * 100 >= limit * percent {
                return sent;
            }
            let via = self.phone.addr().to_string();
            // Long ones, so that fewer are needed.
            let more = format!("Subject: {}\r\n", "x".repeat(6000));
            let request = request(method, "sip:bob@localhost", &via, &more);
            self.send(&request);
            sent.push(request);
        }
    }

    /// Bytes in the queue and its limit.
    fn queue(&self) -> (u64, u64) {
        let lines = self.rpc("core.sockets");
        (number(&lines, "queue_bytes"), number(&lines, "queue_limit"))
    }

    /// The answer of an RPC method.
    pub fn rpc(&self, method: &str) -> String {
        let control: PathBuf = self.setup.path("ctl");
        rpc::call(&control, method, &[]).join("\n")
    }

    /// A number of `core.overload`.
    pub fn overload(&self, name: &str) -> u64 {
        number(&self.rpc("core.overload"), name)
    }

    /// A number of `core.counters`.
    pub fn counter(&self, name: &str) -> u64 {
        number(&self.rpc("core.counters"), name)
    }

    /// Lets the receiver go on and collects the answers until a last request is answered, by Call-ID.
    pub fn release(&self) -> Answers {
        std::fs::write(self.setup.path("go"), "").expect("a file");
        let last = within_dialog(&self.phone.request("LAST", "sip:localhost"));
        let mut answers = Answers(HashMap::new());
        wait_until("there is room in the queue", || {
            self.send(&last);
            while let Some((reply, _)) = self.phone.try_recv(Duration::from_millis(200)) {
                answers.take(String::from_utf8_lossy(&reply).into_owned());
            }
            !answers.to(&last).is_empty()
        });
        answers
    }

    /// The lines of the log with that text.
    pub fn logged(&self, text: &str) -> usize {
        self.setup.read("err").matches(text).count()
    }
}

/// The number behind `name` in an answer of the line protocol.
fn number(answer: &str, name: &str) -> u64 {
    let parts = answer.split(['\n', ',', ' ', '\t']);
    let mut values = parts.filter_map(|part| part.split_once(':'));
    let (_, value) = values
        .find(|(found, _)| *found == name)
        .unwrap_or_else(|| panic!("{name}: {answer}"));
    value.trim().parse().expect("a number")
}

/// The answers by Call-ID, in the order in which they came.
pub struct Answers(HashMap<String, Vec<String>>);

impl Answers {
    fn take(&mut self, reply: String) {
        self.0.entry(call_id(&reply)).or_default().push(reply);
    }

    /// The answers to a request.
    pub fn to(&self, request: &str) -> &[String] {
        self.0.get(&call_id(request)).map_or(&[], Vec::as_slice)
    }

    /// The status of the only answer to a request; 0 without any.
    pub fn status(&self, request: &str) -> u16 {
        match self.to(request) {
            [] => 0,
            [reply] => status(reply),
            more => panic!("{} answers to {request}", more.len()),
        }
    }
}

/// The status of a reply.
pub fn status(reply: &str) -> u16 {
    let status = first_line(reply).split(' ').nth(1).unwrap_or_default();
    status.parse().expect("a status")
}

fn call_id(message: &str) -> String {
    let id = crate::common::sip::header(message, "Call-ID");
    id.expect("a Call-ID").to_owned()
}

/// The request with a tag in To.
pub fn within_dialog(request: &str) -> String {
    request.replacen(
        "To: <sip:bob@localhost>",
        "To: <sip:bob@localhost>;tag=there",
        1,
    )
}

/// An answer to something that is sent now.
pub fn answered(saturated: &Saturated, method: &str) -> u16 {
    let request = saturated.phone.request(method, "sip:localhost");
    saturated.send(&request);
    loop {
        let (reply, _) = saturated.phone.try_recv(PATIENCE).expect("an answer");
        let reply = String::from_utf8_lossy(&reply).into_owned();
        if call_id(&reply) == call_id(&request) {
            return status(&reply);
        }
    }
}
