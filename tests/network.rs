//! Several addresses, IPv6, names of ours: which socket a message leaves from, what is "myself".

mod common;

use common::sip::{Phone, first_line, header, request};
use common::{Foreground, Setup, load, ser};
use std::net::{Ipv6Addr, UdpSocket};
use std::process::Command;

/// A server that listens on what `listen` says (`PORT` stands for the port) and nothing else.
fn start(listen: &[&str], script: &str) -> (Setup, Foreground) {
    let setup = Setup::new();
    let port = setup.port.to_string();
    let script = format!("{}{}", load(&["sl"]), script.replace("PORT", &port));
    std::fs::write(setup.path("ser.cfg"), script).unwrap();
    let mut command = Command::new(ser());
    command
        .arg("-f")
        .arg(setup.path("ser.cfg"))
        .args(["-D", "-D", "-E", "-n", "1"]);
    for address in listen {
        command.args(["-l", &address.replace("PORT", &port)]);
    }
    let server = setup.start(command);
    (setup, server)
}

const RELAY: &str = "route { forward(uri:host, uri:port); }\n";
const MYSELF: &str = r#"
route {
    if (uri == myself) { sl_send_reply("200", "myself"); } else { sl_send_reply("404", "somebody else"); };
}
"#;

#[test]
fn a_reply_leaves_from_the_socket_that_the_request_came_to() {
    let listen = [
        "udp:127.0.0.1:PORT",
        "udp:127.0.0.2:PORT",
        "udp:127.0.0.3:PORT",
    ];
    let (setup, _server) = start(&listen, MYSELF);
    let phone = Phone::new();
    for ip in ["127.0.0.2", "127.0.0.1", "127.0.0.3"] {
        phone.send(phone.request("OPTIONS", "sip:localhost"), (ip, setup.port));
        let (_, from) = phone.recv_from();
        assert_eq!(from.to_string(), format!("{ip}:{}", setup.port));
    }
}

#[test]
fn a_request_is_forwarded_from_the_socket_that_it_came_to() {
    let listen = ["udp:127.0.0.1:PORT", "udp:127.0.0.2:PORT"];
    let (setup, _server) = start(&listen, RELAY);
    let (caller, callee) = (Phone::new(), Phone::new());
    let uri = format!("sip:{}", callee.addr());
    for ip in ["127.0.0.2", "127.0.0.1"] {
        caller.send(caller.request("OPTIONS", &uri), (ip, setup.port));
        let (message, from) = callee.recv_from();
        assert_eq!(from.to_string(), format!("{ip}:{}", setup.port));
        let via = format!("SIP/2.0/UDP {ip}:{};branch=0", setup.port);
        assert_eq!(header(&message, "Via"), Some(via.as_str()));
    }
}

#[test]
fn with_mhomed_the_kernel_chooses_the_address_that_a_request_leaves_from() {
    // Towards 127.0.0.0/8 the kernel sends from 127.0.0.1.
    let listen = ["udp:127.0.0.2:PORT", "udp:127.0.0.1:PORT"];
    let (setup, _server) = start(&listen, &format!("mhomed=yes\n{RELAY}"));
    let (caller, callee) = (Phone::new(), Phone::new());
    let uri = format!("sip:{}", callee.addr());
    caller.send(caller.request("OPTIONS", &uri), ("127.0.0.2", setup.port));
    let (message, from) = callee.recv_from();
    assert_eq!(from.to_string(), format!("127.0.0.1:{}", setup.port));
    assert!(
        header(&message, "Via").unwrap().contains("127.0.0.1"),
        "{message}"
    );
}

#[test]
fn with_mhomed_and_no_socket_of_that_address_the_script_gets_an_error() {
    let script = "mhomed=yes\nroute { if (!forward(uri:host, uri:port)) { sl_reply_error(); }; }\n";
    let (setup, _server) = start(&["udp:127.0.0.2:PORT"], script);
    let (caller, callee) = (Phone::new(), Phone::new());
    let uri = format!("sip:{}", callee.addr());
    let reply = caller.ask(caller.request("OPTIONS", &uri), ("127.0.0.2", setup.port));
    assert!(first_line(&reply).starts_with("SIP/2.0 500 "), "{reply}");
    assert!(
        setup
            .read("err")
            .contains("no socket found with the address 127.0.0.1")
    );
}

#[test]
fn a_forced_socket_wins() {
    let script = format!(
        "route {{ force_send_socket(127.0.0.3:PORT); {}",
        RELAY.strip_prefix("route {").unwrap()
    );
    let listen = ["udp:127.0.0.1:PORT", "udp:127.0.0.3:PORT"];
    let (setup, _server) = start(&listen, &script);
    let (caller, callee) = (Phone::new(), Phone::new());
    let uri = format!("sip:{}", callee.addr());
    caller.send(caller.request("OPTIONS", &uri), setup.addr());
    let (message, from) = callee.recv_from();
    assert_eq!(from.to_string(), format!("127.0.0.3:{}", setup.port));
    assert!(
        header(&message, "Via").unwrap().contains("127.0.0.3"),
        "{message}"
    );
}

fn has_ipv6() -> bool {
    let there = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !there {
        eprintln!("no IPv6 here");
    }
    there
}

#[test]
fn requests_over_ipv6_are_answered_with_received_and_rport() {
    if !has_ipv6() {
        return;
    }
    let (setup, _server) = start(&["udp:[::1]:PORT"], MYSELF);
    let phone = Phone::at(Ipv6Addr::LOCALHOST);
    let server = (Ipv6Addr::LOCALHOST, setup.port);
    let reply = phone.ask(phone.request("OPTIONS", "sip:[::1]:1"), server);
    assert_eq!(first_line(&reply), "SIP/2.0 404 somebody else");
    assert!(
        !header(&reply, "Via").unwrap().contains("received"),
        "{reply}"
    );
    for host in ["[::1]", "[0:0:0:0:0:0:0:1]", "[0:0::0:1]"] {
        let uri = format!("sip:{host}:{}", setup.port);
        let via = format!("[2001:db8::9]:{};rport", phone.port());
        let reply = phone.ask(request("OPTIONS", &uri, &via, ""), server);
        assert_eq!(first_line(&reply), "SIP/2.0 200 myself", "{host}");
        let via = header(&reply, "Via").unwrap();
        assert!(via.contains(&format!(";rport={}", phone.port())), "{via}");
        assert!(via.contains(";received=::1"), "{via}");
    }
}

#[test]
fn a_request_crosses_from_ipv4_to_ipv6_and_its_reply_comes_back() {
    if !has_ipv6() {
        return;
    }
    let (setup, _server) = start(&["udp:127.0.0.1:PORT", "udp:[::1]:PORT"], RELAY);
    let (caller, callee) = (Phone::new(), Phone::at(Ipv6Addr::LOCALHOST));
    let uri = format!("sip:bob@[::1]:{}", callee.port());
    caller.send(caller.request("OPTIONS", &uri), setup.addr());
    let (message, from) = callee.recv_from();
    assert_eq!(from.to_string(), format!("[::1]:{}", setup.port));
    let via = format!("SIP/2.0/UDP [::1]:{};branch=0", setup.port);
    assert_eq!(header(&message, "Via"), Some(via.as_str()));
    let start_line = first_line(&message).to_owned();
    callee.send(message.replacen(&start_line, "SIP/2.0 200 OK", 1), from);
    let (reply, from) = caller.recv_from();
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    assert_eq!(from.to_string(), format!("127.0.0.1:{}", setup.port));
    assert!(!reply.contains("[::1]:"), "our Via is gone: {reply}");
}

#[test]
fn without_an_ipv6_socket_an_ipv6_destination_is_an_error() {
    let script = "route { if (!forward(uri:host, uri:port)) { sl_reply_error(); }; }\n";
    let (setup, _server) = start(&["udp:127.0.0.1:PORT"], script);
    let phone = Phone::new();
    let reply = phone.ask(phone.request("OPTIONS", "sip:bob@[::1]:9"), setup.addr());
    assert!(first_line(&reply).starts_with("SIP/2.0 500 "), "{reply}");
}

#[test]
fn the_name_of_an_interface_stands_for_its_addresses() {
    for listen in ["lo:PORT", "udp:lo:PORT"] {
        let (setup, _server) = start(&[listen], MYSELF);
        let phone = Phone::new();
        let uri = format!("sip:127.0.0.1:{}", setup.port);
        let reply = phone.ask(phone.request("OPTIONS", &uri), setup.addr());
        assert_eq!(first_line(&reply), "SIP/2.0 200 myself");
    }
}

#[test]
fn addresses_of_the_config_and_of_the_command_line_add_up() {
    let setup = Setup::new();
    let config = format!(
        "listen=udp:127.0.0.2:{0}\nlisten=127.0.0.3\nport={0}\nroute {{ drop; }}\n",
        setup.port
    );
    std::fs::write(setup.path("ser.cfg"), config).unwrap();
    let output = setup.output(&["-c"]);
    let block = String::from_utf8_lossy(&output.stdout);
    let line = |proto, ip| format!("             {proto}: {ip} [{ip}]:{}\n", setup.port);
    let wanted = [
        line("udp", "127.0.0.2"),
        line("udp", "127.0.0.3"),
        line("udp", "127.0.0.1"),
        line("tcp", "127.0.0.3"),
    ];
    let wanted = format!("Listening on \n{}Aliases: \n", wanted.concat());
    assert!(block.starts_with(&wanted), "{block}");
}

#[test]
fn what_is_ours_is_known_by_address_alias_and_port_in_any_case() {
    let aliases =
        "alias=sip.example.org\nalias=udp:proxy.example.org:5070\nalias=\"[2001:db8::5]\"\n";
    let (setup, _server) = start(&["udp:127.0.0.1:PORT"], &format!("{aliases}{MYSELF}"));
    let phone = Phone::new();
    let ours = [
        "127.0.0.1:PORT",
        "sip.example.org",
        "SIP.Example.ORG:1234",
        "proxy.example.org:5070",
        "alice@sip.example.org;transport=tcp",
        "[2001:DB8:0::5]",
    ];
    let not_ours = [
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.2:PORT",
        "example.org",
        "proxy.example.org",
        "sip.example.org.evil.example",
        "[2001:db8::6]",
    ];
    let port = setup.port.to_string();
    for (hosts, wanted) in [(&ours[..], "200 myself"), (&not_ours, "404 somebody else")] {
        for host in hosts {
            let uri = format!("sip:{}", host.replace("PORT", &port));
            let reply = phone.ask(phone.request("OPTIONS", &uri), setup.addr());
            assert_eq!(first_line(&reply), format!("SIP/2.0 {wanted}"), "{uri}");
        }
    }
}

#[test]
fn an_onsend_route_sees_where_a_request_goes_and_may_stop_it() {
    let script = r#"
route { if (!forward(uri:host, uri:port)) { sl_send_reply("603", "Stopped"); }; }
onsend_route {
    if (method == "MESSAGE") { return 0; };
    if (to_ip == 127.0.0.1 && snd_ip == 127.0.0.2 && snd_port == PORT && to_port == TARGET && msg:len > 200) {
        log(0, "TEST: seen\n");
    };
    if (method == "INFO") { return -1; };
}
"#;
    let (caller, callee) = (Phone::new(), Phone::new());
    let script = script.replace("TARGET", &callee.port().to_string());
    let (setup, _server) = start(&["udp:127.0.0.1:PORT", "udp:127.0.0.2:PORT"], &script);
    let uri = format!("sip:{}", callee.addr());
    let server = ("127.0.0.2", setup.port);
    let reply = caller.ask(caller.request("MESSAGE", &uri), server);
    assert_eq!(first_line(&reply), "SIP/2.0 603 Stopped");
    for method in ["OPTIONS", "INFO"] {
        caller.send(caller.request(method, &uri), server);
        assert!(first_line(&callee.recv()).starts_with(method));
    }
    assert_eq!(setup.read("err").matches("TEST: seen\n").count(), 2);
}
