//! The page as an HTTP server: formats, refusals, limits.

use crate::common::wait_until;
use crate::lab::Lab;
use std::io::{Read, Write};

fn lab() -> Lab {
    Lab::new(&["tm"], "route { sl_send_reply(\"200\", \"OK\"); }")
}

#[test]
fn the_client_says_which_format_it_wants() {
    let lab = lab();
    let get = |accept: &str| {
        let field = format!("Accept: {accept}\r\nConnection: close\r\n\r\n");
        lab.raw(&format!("GET /metrics?x=1 HTTP/1.1\r\n{field}"))
    };
    let text = get("text/plain");
    assert!(
        text.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{text}"
    );
    assert!(text.contains("# TYPE ser_received_datagrams_total counter\n"));
    let open =
        get("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2");
    assert!(
        open.contains(
            "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
        ),
        "{open}"
    );
    assert!(open.contains("# TYPE ser_received_datagrams counter\n"));
    assert!(open.contains("\nser_received_datagrams_total "));
    assert!(open.contains("# UNIT ser_process_service_seconds seconds\n"));
    assert!(open.contains("le=\"1.0\""), "{open}");
    assert_eq!(open.matches("# EOF").count(), 1);
}

#[test]
fn what_is_no_request_for_the_page_is_refused() {
    let lab = lab();
    let status = |request: &str| {
        let answer = lab.raw(&request.replace('\n', "\r\n"));
        let words = answer.split(' ').nth(1).map(str::to_owned);
        words.unwrap_or_else(|| panic!("{request:?}: {answer:?}"))
    };
    let close = "Connection: close\n\n";
    assert_eq!(status(&format!("GET / HTTP/1.1\n{close}")), "404");
    assert_eq!(status(&format!("GET /metrics/x HTTP/1.1\n{close}")), "404");
    assert_eq!(status(&format!("POST /metrics HTTP/1.1\n{close}")), "405");
    assert_eq!(status(&format!("DELETE /metrics HTTP/1.1\n{close}")), "405");
    assert_eq!(status("what?\n\n"), "400");
    assert_eq!(
        status("GET /metrics HTTP/1.1\nContent-Length: x\n\n"),
        "400"
    );
    assert_eq!(
        status("POST /metrics HTTP/1.1\nContent-Length: 1000000\n\n"),
        "413"
    );
    let long = format!("GET /metrics HTTP/1.1\nX: {}\n\n", "x".repeat(10_000));
    assert_eq!(status(&long), "431");
    let head = lab.raw(&format!(
        "HEAD /metrics HTTP/1.1\r\n{}",
        "Connection: close\r\n\r\n"
    ));
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && !head.contains("# TYPE"),
        "{head}"
    );
    assert_eq!(
        lab.ask("OPTIONS", "sip:127.0.0.1:1"),
        lab.ask("OPTIONS", "sip:127.0.0.1:1")
    );
}

#[test]
fn a_connection_is_used_for_many_pages() {
    let lab = lab();
    let mut socket = lab.connect();
    for _ in 0..3 {
        socket
            .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
            .expect("sent");
        assert!(read_page(&mut socket).contains("ser_build_info"));
    }
}

/// Reads one reply that tells its length or is chunked.
fn read_page(socket: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("a head");
        text.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&text).into_owned();
    let length = head.split("Content-Length: ").nth(1);
    let Some(length) = length.and_then(|rest| rest.split("\r\n").next()) else {
        while !text.ends_with(b"\r\n0\r\n\r\n") {
            socket.read_exact(&mut byte).expect("chunks");
            text.push(byte[0]);
        }
        return String::from_utf8_lossy(&text).into_owned();
    };
    let mut body = vec![0; length.parse().expect("a number")];
    socket.read_exact(&mut body).expect("a body");
    String::from_utf8_lossy(&body).into_owned()
}

#[test]
fn a_client_that_reads_nothing_and_many_that_say_nothing_hold_nobody_up() {
    // Many route blocks make a page that no socket takes at once.
    let routes = |n: usize| format!("route[r{n}] {{ drop; }}\n");
    let routes: String = (0..600).map(routes).collect();
    let text = format!(
        "modparam(\"prometheus\", \"max_clients\", 4)\n{routes}route {{ sl_send_reply(\"200\", \"OK\"); }}"
    );
    let lab = Lab::new(&[], &text);
    let whole = lab.raw("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(whole.contains("\r\nTransfer-Encoding: chunked\r\n"));
    assert!(whole.ends_with("\r\n0\r\n\r\n"), "it is complete");
    assert!(whole.contains("route=\"r599\"") && whole.len() > 500_000);
    let mut idle = lab.connect();
    idle.write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        .expect("sent");
    assert_eq!(lab.ask("OPTIONS", "sip:a@b"), "SIP/2.0 200 OK");
    // It is let go, then the next one is served.
    assert!(lab.page().0.contains("route=\"r599\""));
    let silent: Vec<_> = (0..4).map(|_| lab.connect()).collect();
    let get = || lab.raw("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(get(), "", "there is no room for one more");
    assert_eq!(lab.ask("OPTIONS", "sip:a@b"), "SIP/2.0 200 OK");
    drop(silent);
    wait_until("there is room again", || get().contains("route=\"r599\""));
}

#[test]
fn bad_parameters_end_the_start_with_a_word() {
    for (name, value, word) in [
        ("port", "0", "port"),
        ("port", "70000", "port"),
        ("address", "\"\"", "address"),
        ("path", "\"metrics\"", "path"),
        ("max_clients", "0", "max_clients"),
    ] {
        let config = format!(
            "{}modparam(\"prometheus\", \"{name}\", {value})\nroute {{ drop; }}\n",
            crate::common::load(&["prometheus"])
        );
        let setup = crate::common::Setup::with_config(&config);
        let output = setup.output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{name} {value}");
        assert!(said.contains(&format!("parameter {word}")), "{said}");
    }
}
