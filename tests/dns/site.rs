//! A server that forwards to names, a name server that says what the test wants, phones behind the names.

use crate::common::dns::{NameServer, Rr};
use crate::common::sip::{Phone, first_line};
use crate::common::{Foreground, PATIENCE, Setup, load};
use std::time::Duration;

/// Long enough for what must not come to have come.
pub const SILENCE: Duration = Duration::from_millis(300);

/// A server that uses `names`, with these parameters and this route.
pub struct Site {
    pub setup: Setup,
    pub names: NameServer,
    pub server: Option<Foreground>,
}

impl Site {
    pub fn new(config: &str) -> Site {
        let names = NameServer::new();
        let setup = Setup::with_config("");
        let (conf, hosts) = (setup.path("resolv.conf"), setup.path("hosts"));
        std::fs::write(&conf, format!("nameserver {}\n", names.addr())).unwrap();
        std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
        let text = format!(
            "debug=3\ndns_resolv_conf=\"{}\"\ndns_hosts_file=\"{}\"\ndns_retr_time=1\n{config}\n",
            conf.display(),
            hosts.display()
        );
        std::fs::write(setup.path("ser.cfg"), text).unwrap();
        Site {
            setup,
            names,
            server: None,
        }
    }

    /// Forwards to the host of the Request-URI; what cannot be forwarded is answered with 478.
    pub fn forwarding(parameters: &str) -> Site {
        let sl = load(&["sl"]);
        Site::new(&format!(
            "{parameters}\n{sl}route {{\n  if (method==\"OPTIONS\") {{\n    \
             sl_send_reply(\"200\", \"here\");\n    drop;\n  }}\n  \
             if (!forward(uri:host, uri:port)) {{\n    sl_send_reply(\"478\", \"no way\");\n  }}\n}}"
        ))
    }

    /// The same by transactions: nobody waits for names.
    pub fn relaying(parameters: &str) -> Site {
        let modules = load(&["sl", "tm"]);
        Site::new(&format!(
            "{parameters}\n{modules}route {{\n  if (method==\"OPTIONS\") {{\n    \
             sl_send_reply(\"200\", \"here\");\n    drop;\n  }}\n  t_relay();\n}}"
        ))
    }

    pub fn start(&mut self) {
        self.start_with(&["-D", "-D", "-E"]);
    }

    pub fn start_with(&mut self, options: &[&str]) {
        self.server = Some(self.setup.foreground(options));
    }

    pub fn addr(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.setup.port)
    }

    pub fn log(&self) -> String {
        self.setup.read("err")
    }

    /// Sends a request to that URI; it must arrive at `phone`.
    pub fn reaches(&self, uri: &str, phone: &Phone) -> String {
        let caller = Phone::new();
        caller.send(caller.request("MESSAGE", uri), self.addr());
        let came = phone.try_recv(PATIENCE);
        let (came, _) = came.unwrap_or_else(|| panic!("{uri} does not arrive: {}", self.log()));
        String::from_utf8_lossy(&came).into_owned()
    }

    /// Sends a request to that URI; the server must say no.
    pub fn fails(&self, uri: &str) -> String {
        let caller = Phone::new();
        let answer = caller.ask(caller.request("MESSAGE", uri), self.addr());
        first_line(&answer).to_owned()
    }

    pub fn answers_options(&self) {
        let caller = Phone::new();
        let answer = caller.ask(caller.request("OPTIONS", "sip:here"), self.addr());
        assert_eq!(first_line(&answer), "SIP/2.0 200 here");
    }
}

pub fn srv(priority: u16, weight: u16, port: u16, target: &'static str) -> Rr {
    Rr::Srv(priority, weight, port, target)
}
