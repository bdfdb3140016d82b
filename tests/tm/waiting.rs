//! Who waits by RPC for the end of a request of our own.

use crate::common::sip::Phone;
use crate::common::{PATIENCE, wait_until};
use crate::kit::{Proxy, Talks, reply, uri};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Calls `tm.t_uac_wait` and gives back the connection, and the request that `phone` got.
fn wait(proxy: &Proxy, phone: &Phone) -> (UnixStream, String) {
    let mut client = UnixStream::connect(&proxy.control).expect("module ctl listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let call = format!(
        ":tm.t_uac_wait:\nOPTIONS\n{}\n.\n.\nFrom: <sip:a@b>\nTo: <sip:c@d>\n\n",
        uri("bob", phone)
    );
    client.write_all(call.as_bytes()).expect("sent");
    client.shutdown(Shutdown::Write).expect("nothing more");
    (client, phone.expect("OPTIONS"))
}

/// What waits for the end of a request is freed with the transaction when nobody is left to take it.
#[test]
fn a_waiter_that_dies_leaves_nothing_behind() {
    let phone = Phone::new();
    let proxy = Proxy::new("modparam(\"tm\", \"wt_timer\", 300)\nroute { drop; }");
    let long = format!("X-Long: {}\r\n", "x".repeat(1000));
    // Once before, so that what is made only once is there.
    let (mut client, request) = wait(&proxy, &phone);
    phone.send(reply(&request, "200 OK", "t", &long), proxy.addr());
    client
        .read_to_string(&mut String::new())
        .expect("an answer");
    proxy.wait_idle();
    let before = proxy.shared_memory();
    let handler = proxy.server.tree.child("ctl handler");
    let (_client, request) = wait(&proxy, &phone);
    kill(Pid::from_raw(handler), Signal::SIGKILL).expect("it lives");
    wait_until("another takes its place", || {
        let children = proxy.server.tree.children();
        let mut handlers = children.iter().filter(|c| c.desc() == "ctl handler");
        handlers.any(|c| c.pid != handler)
    });
    phone.send(reply(&request, "200 OK", "t", &long), proxy.addr());
    proxy.wait_idle();
    assert_eq!(proxy.shared_memory(), before);
}
