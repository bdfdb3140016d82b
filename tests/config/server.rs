//! A running server that answers with what a script came to.

use crate::common::sip::{Phone, first_line, request};
use crate::common::{Foreground, Setup, load, wait_until};

/// Result of a case after which nobody answered.
pub const SILENCE: &str = "(no answer)";

/// A server with one receiver, and a phone that talks to it.
pub struct Server {
    setup: Setup,
    phone: Phone,
    _running: Foreground,
}

impl Server {
    /// Starts it with a config; `sl`, `xlog`, `textops` and `testmod` are loaded already.
    pub fn start(config: &str) -> Server {
        let modules = load(&["sl", "xlog", "textops", "testmod"]);
        let setup = Setup::with_config(&format!("{modules}{config}"));
        let running = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        let phone = Phone::new();
        Server {
            setup,
            phone,
            _running: running,
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.setup.port
    }

    /// The phone.
    pub fn phone(&self) -> &Phone {
        &self.phone
    }

    /// Sends a request to `sip:USER@…`; `more` are header lines.
    pub fn send(&self, method: &str, user: &str, more: &str) {
        let uri = format!("sip:{user}@127.0.0.1:{}", self.port());
        let text = request(method, &uri, &self.phone.addr().to_string(), more);
        self.phone.send(text, self.setup.addr());
    }

    /// Sends a request and then `sip:probe@…`, which is answered in any case; the reason phrases of the
    /// answers before that of the probe, joined.
    pub fn ask(&self, user: &str, more: &str) -> String {
        self.send("OPTIONS", user, more);
        self.send("OPTIONS", "probe", "");
        let mut all = Vec::new();
        loop {
            let answer = self.phone.recv();
            let phrase = first_line(&answer).splitn(3, ' ').nth(2);
            match phrase.unwrap_or_default() {
                "probe" => break,
                phrase => all.push(phrase.to_owned()),
            }
        }
        match all.is_empty() {
            true => SILENCE.to_owned(),
            false => all.join(", "),
        }
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        self.setup.read("err")
    }

    /// Waits until the log has that text.
    pub fn logs(&self, text: &str) {
        wait_until(&format!("the log says {text}"), || {
            self.log().contains(text)
        });
    }
}

/// The block that answers the probe; the rest of the main route follows.
pub const PROBE: &str =
    "route { if (@ruri.user == \"probe\") { sl_send_reply(\"200\", \"probe\"); drop; } }\n";

/// What a file of cases holds. A section begins with a line `== NAME: RESULT`, followed by statements
/// that leave RESULT in `$r` (`none` is there before); other sections are `== before` (top of the
/// config), `== blocks` (its end) and `== headers` (of the requests).
#[derive(Default)]
pub struct Cases {
    before: String,
    blocks: String,
    headers: String,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    result: String,
    body: String,
}

impl Cases {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Cases {
        let mut all = Cases::default();
        let sections = text
            .split("\n== ")
            .flat_map(|s| s.strip_prefix("== ").or(Some(s)));
        for section in sections.filter(|s| !s.starts_with('#')) {
            let (head, body) = section.split_once('\n').expect("statements");
            match (head, head.split_once(": ")) {
                ("before", _) => all.before = body.to_owned(),
                ("blocks", _) => all.blocks = body.to_owned(),
                ("headers", _) => all.headers = body.trim().replace('\n', "\r\n") + "\r\n",
                (_, Some((name, result))) => all.cases.push(Case {
                    name: name.to_owned(),
                    result: result.to_owned(),
                    body: body.to_owned(),
                }),
                (_, None) => panic!("no result in {head}"),
            }
        }
        assert!(!all.cases.is_empty(), "no case");
        all
    }

    /// The config: each case is a route of its own that the main route calls.
    fn config(&self) -> String {
        let mut text = format!("{}\n{PROBE}", self.before);
        for Case { name, body, .. } in &self.cases {
            text.push_str(&format!(
                "route {{ if (@ruri.user == \"{name}\") {{ $r = \"none\"; route({name}); \
                 sl_send_reply(\"299\", \"$r\"); drop; }} }}\n\
                 route[{name}] {{\n{body}\n}}\n"
            ));
        }
        text + &self.blocks
    }

    /// Starts a server and asks for every case.
    pub fn run(&self) -> Server {
        let server = Server::start(&self.config());
        for Case { name, result, body } in &self.cases {
            let answer = server.ask(name, &self.headers);
            assert_eq!(answer, *result, "{name}:\n{body}\n{}", server.log());
        }
        server
    }
}
