//! `serctl top`: one picture as text, and the live view in a terminal, of a server under load.

use crate::lab::{Lab, failed, serctl};
use crate::screen::Screen;
use nix::sys::signal::Signal;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Requests that come, at most 2000 of them, until it is dropped.
struct Load {
    stop: Arc<AtomicBool>,
    sending: Option<JoinHandle<()>>,
}

impl Load {
    fn on(lab: &Lab) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, server) = (stop.clone(), lab.setup.addr());
        let sending = std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            for i in 0..2000 {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let request = format!(
                    "OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{i};rport\r\n\
                     From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {i}\r\nCSeq: 1 OPTIONS\r\n\r\n"
                );
                socket.send_to(request.as_bytes(), server).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Load {
            stop,
            sending: Some(sending),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.sending.take().map(JoinHandle::join);
    }
}

/// A server whose script blocks in a program for each request.
fn blocking() -> Lab {
    let route = "route {\n\troute(SLOW);\n\tsl_send_reply(\"200\", \"OK\");\n}\n\
                 route[SLOW] {\n\texec(\"sleep 0.02\");\n}";
    Lab::with_route(
        &["tm", "usrloc", "registrar"],
        "route[1] { save(\"location\"); }",
        route,
    )
}

fn top(lab: &Lab, words: &[&str]) -> Command {
    let mut command = serctl();
    command
        .env("SER_CTL", lab.path("ctl"))
        .arg("top")
        .args(words);
    command
}

/// The words of the line that holds all of these.
fn words(picture: &str, parts: &[&str]) -> Vec<String> {
    let holds = |line: &&str| parts.iter().all(|part| line.contains(part));
    let line = picture.lines().find(holds);
    let line = line.unwrap_or_else(|| panic!("{parts:?} in {picture}"));
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn one_picture_shows_who_is_busy_with_what() {
    let lab = blocking();
    let _load = Load::on(&lab);
    let picture = lab.says(&["top", "--once", "--seconds", "1", "--width", "140"]);
    assert!(picture.contains("  up 00:00:0"), "{picture}");
    assert!(
        picture.lines().all(|line| line.chars().count() <= 140),
        "{picture}"
    );
    // slot, bar, share, msg/s, p50, unit, p99, unit, blocked, died, pid, ...
    let receiver = words(&picture, &["receiver ", "||"]);
    let number = |word: &str| -> f64 { word.trim_end_matches(['%', 's', '/']).parse().unwrap() };
    assert!(receiver[1].starts_with("||"), "{picture}");
    assert!(number(&receiver[3]) > 0.0, "{picture}");
    assert_eq!(receiver[5], "ms", "p50 is that of the program: {picture}");
    assert!(number(&receiver[8]) > 10.0, "blocked: {picture}");
    assert_eq!(receiver[9], "0", "restarts: {picture}");
    assert!(
        picture.contains(" ms, line "),
        "somebody is at work: {picture}"
    );
    assert!(picture.contains("route[SLOW]: exec"), "{picture}");
    let attendant = words(&picture, &["attendant"]);
    assert_eq!(attendant[..4], ["0", "-", "-", "-"], "{picture}");
    let totals = words(&picture, &["requests "]);
    assert!(number(&totals[1]) > 0.0, "{picture}");
    let socket = format!("udp:127.0.0.1:{}", lab.setup.port);
    assert_eq!(
        words(&picture, &[&socket])[..3],
        [">", socket.as_str(), "2"]
    );
    for part in [
        "transactions 0 (0.0/s)",
        "registered users 0",
        "shared memory\n",
        "usrloc 1",
    ] {
        assert!(picture.contains(part), "{part} in {picture}");
    }
}

#[test]
fn modules_that_are_not_loaded_are_left_out_and_little_room_is_enough() {
    let lab = Lab::new(&[], "");
    let picture = lab.says(&["top", "--once", "--seconds", "0.1", "--width", "80"]);
    assert!(
        !picture.contains("transactions") && !picture.contains("users"),
        "{picture}"
    );
    assert!(
        picture.lines().all(|line| line.chars().count() <= 80),
        "{picture}"
    );
    words(&picture, &["receiver 1 127.0.0.1"]);
    lab.says(&["top", "--once", "--seconds", "0.1", "--width", "40"]);
}

#[test]
fn keys_sort_the_processes_and_end_the_view() {
    let lab = blocking();
    let _load = Load::on(&lab);
    let mut screen = Screen::start(top(&lab, &["--seconds", "0.2"]));
    screen.wait_for("processes", |line| {
        line.contains("receiver 1 ") && line.contains('|')
    });
    screen.wait_for("their order", |line| line.ends_with("by busy"));
    for (key, order) in [
        ("s", "slot"),
        ("m", "msg/s"),
        ("p", "p99"),
        ("l", "blocked"),
        ("d", "died"),
        ("b", "busy"),
    ] {
        screen.press(key);
        screen.wait_for(order, |line| line.ends_with(&format!("by {order}")));
    }
    screen.press("s");
    let order = || {
        let lines = screen.lines();
        let at = |name: &str| lines.iter().position(|line| line.contains(name));
        (at("attendant"), at("receiver 0 "), at("receiver 1 "))
    };
    crate::common::wait_until("the slots are in order", || match order() {
        (Some(first), Some(second), Some(third)) => first < second && second < third,
        _ => false,
    });
    screen.press("q");
    let (status, restored) = screen.end();
    assert!(status.success() && restored, "{status}");
}

#[test]
fn plus_and_minus_change_the_children_of_the_socket() {
    let lab = blocking();
    let children = |n: usize| {
        let counted = || {
            let all = lab.server.tree.children();
            all.iter()
                .filter(|p| p.desc().starts_with("receiver child="))
                .count()
        };
        crate::common::wait_until(&format!("{n} children"), || counted() == n);
    };
    children(2);
    let mut screen = Screen::start(top(&lab, &["--seconds", "0.2"]));
    let socket = format!("udp:127.0.0.1:{}", lab.setup.port);
    let shows = |n: &str| {
        let (socket, n) = (socket.clone(), n.to_owned());
        move |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(..3) == Some(&[">", &socket, &n])
        }
    };
    screen.wait_for("2 children", shows("2"));
    screen.press("+");
    screen.wait_for("3 children", shows("3"));
    children(3);
    screen.press("--");
    screen.wait_for("1 child", shows("1"));
    children(1);
    screen.press("-");
    screen.wait_for("a refusal", |line| {
        line.starts_with("a socket keeps one child at least")
    });
    screen.press("\x03");
    assert!(screen.end().0.success());
}

#[test]
fn a_server_that_goes_away_is_told_and_seen_again_when_it_is_back() {
    let mut lab = blocking();
    let mut screen = Screen::start(top(&lab, &["--seconds", "0.2"]));
    screen.wait_for("processes", |line| line.contains("receiver 1 "));
    lab.server.signal(Signal::SIGTERM);
    lab.server.wait();
    screen.wait_for("what is wrong", |line| {
        line.starts_with("error: no server at ")
    });
    let server = lab.setup.foreground(&["-D", "-D", "-E", "-n", "3"]);
    screen.wait_for("the keys again", |line| line.starts_with("q quit"));
    let third = format!("receiver child=2 sock=127.0.0.1:{}", lab.setup.port);
    let pid = server.tree.child(&third).to_string();
    screen.wait_for("the new server", |line| line.contains(&pid));
    screen.press("q");
    assert!(screen.end().0.success());
}

#[test]
fn without_a_server_or_a_terminal_nothing_is_drawn() {
    let lab = Lab::new(&[], "");
    let (code, said) = failed(top(&lab, &[]).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("--once writes one picture"), "{said}");
    let (code, said) = failed(
        serctl()
            .args(["-s", "/nonexistent/ctl", "top", "--once"])
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(2), "{said}");
    for words in [
        &["--seconds", "0"][..],
        &["--seconds"],
        &["--width", "3"],
        &["x"],
    ] {
        let (code, said) = failed(top(&lab, words).output().unwrap());
        assert_eq!(code, Some(1));
        assert!(said.starts_with("usage:\n top "), "{said}");
    }
}
