//! The text protocol over a unix datagram socket: of the core parameter `unix_sock` and of module unixsock.

use crate::common::{PATIENCE, Setup, load};
use crate::lab::Lab;
use std::os::unix::net::UnixDatagram;

struct Client<'l> {
    socket: UnixDatagram,
    lab: &'l Lab,
}

impl Client<'_> {
    fn new<'l>(lab: &'l Lab, name: &str) -> Client<'l> {
        let socket = UnixDatagram::bind(lab.path(name)).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client { socket, lab }
    }

    fn send(&self, text: &[u8]) {
        let sent = self.socket.send_to(text, self.lab.path("sock"));
        assert_eq!(sent.expect("it is sent"), text.len());
    }

    fn ask(&self, text: &str) -> String {
        self.send(text.as_bytes());
        let mut buffer = vec![0; 70_000];
        let length = self.socket.recv(&mut buffer).expect("a reply");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

#[test]
fn the_module_answers_in_datagrams() {
    let lab = Lab::new(
        &["unixsock"],
        "modparam(\"unixsock\", \"socket\", \"@DIR@/sock\")\nmodparam(\"unixsock\", \"children\", 3)",
    );
    let servers = lab.server.tree.children();
    let servers = servers.iter().filter(|c| c.desc() == "unixsock server");
    assert_eq!(servers.count(), 3);
    let client = Client::new(&lab, "client");
    assert!(
        client
            .ask(":core.uptime:\n\n")
            .starts_with("200 OK\nuptime:")
    );
    assert_eq!(client.ask(":print:\na\\nb"), "200 OK\na\\nb\n");
    assert_eq!(
        client.ask(":no.such:\n"),
        "500 Command 'no.such' not found\n"
    );
    assert_eq!(client.ask("hello"), "400 Command must begin with :\n");
    assert_eq!(client.ask("::\n"), "400 Empty command\n");
    assert_eq!(client.ask(""), "400 Command must begin with :\n");
    let long = format!(":print:\n{}\n", "x".repeat(60_000));
    assert_eq!(client.ask(&long).len(), 60_000 + "200 OK\n\n".len());
    lab.sip_goes_on();
}

#[test]
fn a_config_of_0_9_with_unix_sock_gets_its_socket_without_a_module() {
    let lab = Lab::new(
        &["usrloc", "registrar"],
        "unix_sock=\"@DIR@/sock\"\nsock_mode=0600\nunix_tx_timeout=100\nroute[1] { save(\"location\"); }",
    );
    let client = Client::new(&lab, "client");
    assert!(client.ask(":uptime:\n").starts_with("200 OK\nuptime:"));
    for i in 0..1500 {
        let add = format!(":ul_add:\nlocation\nu{i}\nsip:u@h\n1000\n0.5\n0\n");
        assert_eq!(client.ask(&add), "200 OK\n");
    }
    assert_eq!(
        client.ask(":ul_dump:\n"),
        "500 Reply too long for a datagram\n"
    );
    assert!(
        client
            .ask(":ul_show_contact:\nlocation\nu7\n")
            .contains("sip\\ou@h")
    );
    lab.sip_goes_on();
}

#[test]
fn a_client_that_takes_nothing_holds_nobody_for_long() {
    let lab = Lab::new(&[], "unix_sock=\"@DIR@/sock\"\nunix_tx_timeout=20");
    let lazy = Client::new(&lab, "lazy");
    for _ in 0..40 {
        lazy.send(b":uptime:\n");
    }
    let client = Client::new(&lab, "client");
    assert!(client.ask(":uptime:\n").starts_with("200 OK\nuptime:"));
    lab.sip_goes_on();
}

#[test]
fn parameters_that_cannot_work_are_refused() {
    for (param, text) in [
        ("\"children\", 0", "it is 1 to 64"),
        ("\"send_timeout\", -1", "1 to 60000 milliseconds"),
        ("\"socket_mode\", 70000", "not a mode"),
        (
            "\"socket_user\", \"nobody-of-that-name\"",
            "there is no user",
        ),
    ] {
        let load = load(&["unixsock"]);
        let config = format!(
            "{load}modparam(\"unixsock\", \"socket\", \"/nowhere/sock\")\nmodparam(\"unixsock\", {param})\nroute {{ drop; }}\n"
        );
        let output = Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{param}: {said}");
    }
}
