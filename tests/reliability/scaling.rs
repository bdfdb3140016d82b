//! Receivers are added and retired while the server runs, and no message is lost.

use crate::common::sip::{Phone, first_line};
use crate::common::tree::is_alive;
use crate::common::{free_port, wait_until};
use crate::load::Load;
use crate::site::Site;
use nix::sys::signal::Signal;

const ANSWER: &str = "route { sl_send_reply(\"200\", \"OK\"); }\n";

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("receiver child={n}")).collect()
}

#[test]
fn the_number_of_receivers_of_a_socket_can_be_asked_and_changed() {
    let site = Site::new(&[], ANSWER, &[]);
    let port = site.setup.port;
    let said = site.ask("core.children", &[]);
    let line = |n: u32| {
        format!(
            "retiring:0,starting:0,children:{n},port:{port},address:127.0.0.1,name:127.0.0.1,proto:udp"
        )
    };
    assert_eq!(said, [line(2)]);
    let socket = format!("udp:127.0.0.1:{port}");
    assert_eq!(site.ask("core.children", &[&socket, "5"]), [line(5)]);
    // It is so when the answer is there.
    assert_eq!(site.receivers(), names(5));
    assert_eq!(site.ask("core.children", &["0", "1"]), [line(1)]);
    assert_eq!(site.receivers(), names(1));
    assert_eq!(site.ask("core.children", &[".", "3"]), [line(3)]);
    assert_eq!(site.receivers(), names(3));
    let phone = Phone::new();
    let reply = phone.ask(
        phone.request("OPTIONS", "sip:x@127.0.0.1"),
        site.setup.addr(),
    );
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
}

#[test]
fn numbers_that_cannot_be_and_sockets_that_are_not_there_are_refused() {
    let site = Site::new(&[], ANSWER, &[]);
    let port = site.setup.port;
    let refused = |params: &[&str]| {
        let mut said = site.rpc("core.children", params);
        assert_eq!(said.len(), 1, "{said:?}");
        said.remove(0)
    };
    let ours = format!("udp:127.0.0.1:{port}");
    let none = format!("400 {ours} needs at least one receiver");
    assert_eq!(refused(&["0", "0"]), none);
    assert_eq!(refused(&["0", "-1"]), "400 -1 is no number of children");
    let many = refused(&["0", "5000"]);
    assert!(many.starts_with("400 Process limit of "), "{many}");
    let missing = format!("404 there is no UDP socket tcp:127.0.0.1; 0 is {ours}");
    assert_eq!(refused(&["tcp:127.0.0.1", "2"]), missing);
    assert_eq!(refused(&["0", "many"]), "400 Invalid parameter value");
    assert_eq!(site.receivers(), names(2));
}

#[test]
fn of_two_sockets_each_has_receivers_of_its_own_and_ranks_are_given_again() {
    let more = format!("udp:127.0.0.1:{}", free_port());
    let site = Site::new(&[], ANSWER, &["-l", &more]);
    let which = site.rpc("core.children", &[".", "2"]);
    assert!(
        which[0].starts_with("400 which UDP socket? 0 is udp:"),
        "{which:?}"
    );
    let ranks = || {
        let workers = site.ask("core.workers", &[]);
        let ranks = workers.iter().filter(|w| w.contains("receiver child="));
        let ranks = ranks.map(|w| w.split("rank:").nth(1).expect("a rank").split(',').next());
        let mut ranks: Vec<i32> = ranks
            .map(|r| r.expect("it").parse().expect("number"))
            .collect();
        ranks.sort_unstable();
        ranks
    };
    assert_eq!(ranks(), [1, 2, 3, 4]);
    site.ask("core.children", &["0", "1"]);
    assert_eq!(ranks(), [1, 3, 4]);
    site.ask("core.children", &["1", "4"]);
    assert_eq!(ranks(), [1, 2, 3, 4, 5]);
    assert_eq!(site.ask("core.children", &[]).len(), 2);
}

#[test]
fn ttin_and_ttou_add_and_retire_one_receiver_of_each_socket() {
    let site = Site::new(&[], ANSWER, &[]);
    site.server.signal(Signal::SIGTTIN);
    wait_until("one more", || site.receivers() == names(3));
    for _ in 0..2 {
        site.server.signal(Signal::SIGTTOU);
    }
    wait_until("two at least less", || site.receivers().len() < 3);
    site.server.signal(Signal::SIGTTOU);
    wait_until("one is left", || site.receivers() == names(1));
    site.server.signal(Signal::SIGTTOU);
    wait_until("it is told", || {
        site.setup
            .read("err")
            .contains("needs at least one receiver")
    });
    assert_eq!(site.receivers(), names(1));
}

#[test]
fn a_hundred_changes_under_load_lose_no_message() {
    // A machine that is busy with other things must not make the server refuse some on purpose.
    let script = format!("overload_control=no\n{ANSWER}");
    let site = Site::new(&[], &script, &[]);
    let loads = [Load::start(site.setup.port), Load::start(site.setup.port)];
    for round in 0..100 {
        let number = [1, 4, 2, 6][round % 4].to_string();
        site.ask("core.children", &["0", &number]);
    }
    for load in loads {
        assert!(load.answered() > 100, "{}", load.answered());
        assert_eq!(load.end(), [""; 0], "not answered");
    }
    assert_eq!(site.receivers(), names(6));
    let log = site.setup.read("err");
    assert!(!log.contains("ERROR") && !log.contains("WARNING"), "{log}");
}

#[test]
fn a_receiver_that_is_retired_finishes_its_message_first() {
    let site = Site::new(
        &[],
        "route { exec(\"sleep 1\"); sl_send_reply(\"200\", \"OK\"); }\n",
        &["-n", "1"],
    );
    let phone = Phone::new();
    phone.send(
        phone.request("OPTIONS", "sip:x@127.0.0.1"),
        site.setup.addr(),
    );
    // The receiver that takes it is the one that goes.
    let busy = || {
        let workers = site.ask("core.workers", &[]);
        let receiver = workers.iter().find(|w| w.contains("receiver child=0"));
        !receiver.expect("it is there").contains("working_us:0,")
    };
    wait_until("the message is worked on", busy);
    site.server.signal(Signal::SIGTTIN);
    wait_until("one more", || site.receivers() == names(2));
    // The one that goes is the newest: it has to be the one that works.
    let port = site.setup.port;
    let other = site
        .server
        .tree
        .child(&format!("receiver child=1 sock=127.0.0.1:{port}"));
    phone.send(
        phone.request("OPTIONS", "sip:x@127.0.0.1"),
        site.setup.addr(),
    );
    let said = site.ask("core.children", &["0", "1"]);
    assert!(said[0].contains("children:1"), "{said:?}");
    for _ in 0..2 {
        assert_eq!(first_line(&phone.recv()), "SIP/2.0 200 OK");
    }
    assert!(!is_alive(other), "it is gone");
}
