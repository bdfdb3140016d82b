//! Overload: who is refused with 503 while the receivers cannot keep up, and who is served.

use crate::common::sip::{header, request};
use crate::common::wait_until;
use crate::saturated::{Saturated, answered, status, within_dialog};

/// Pressure from the first bytes on, so that its share is that of the queue.
const BY_SIZE: &str = "overload_queue = 1\noverload_delay = 0\n";

/// Sends these one after the other.
fn send_all(server: &Saturated, requests: &[String]) {
    requests.iter().for_each(|request| server.send(request));
}

/// A handful of requests of this method to a URI.
fn some(server: &Saturated, method: &str, uri: &str) -> Vec<String> {
    let via = server.phone.addr().to_string();
    (0..8).map(|_| request(method, uri, &via, "")).collect()
}

#[test]
fn new_requests_get_503_and_what_is_under_way_goes_on() {
    let server = Saturated::new(BY_SIZE);
    let within: Vec<String> = ["INVITE", "INFO", "SUBSCRIBE", "UPDATE", "BYE"]
        .iter()
        .map(|method| within_dialog(&server.phone.request(method, "sip:bob@localhost")))
        .collect();
    let ending = ["BYE", "CANCEL", "PRACK"].map(|m| server.phone.request(m, "sip:bob@localhost"));
    let emergency = some(&server, "INVITE", "urn:service:sos.fire");
    let registers = some(&server, "REGISTER", "sip:localhost");
    send_all(&server, &within);
    send_all(&server, &ending);
    send_all(&server, &emergency);
    send_all(&server, &registers);
    let invites = server.fill("INVITE", 46);
    let answers = server.release();
    for served in [&within[..], &ending, &emergency, &registers].concat() {
        assert_eq!(answers.status(&served), 200, "{served}");
    }
    let refused = invites.iter().filter(|i| answers.status(i) == 503).count();
    let admitted = invites.iter().filter(|i| answers.status(i) == 200).count();
    assert!(refused > 0, "nobody was refused");
    assert_eq!(
        refused + admitted,
        invites.len(),
        "everybody gets an answer"
    );
    assert_eq!(server.counter("overload.refused"), refused as u64);
    assert_eq!(server.overload("refused"), refused as u64);
    assert_eq!(answered(&server, "INVITE"), 200, "the queue is empty again");
}

#[test]
fn the_503_says_when_to_come_back_and_its_ack_is_absorbed() {
    for (params, least) in [
        ("overload_retry_after = 7", Some(7)),
        ("overload_retry_after = 0", None),
    ] {
        let server = Saturated::new(&format!("{BY_SIZE}{params}"));
        let invites = server.fill("INVITE", 46);
        let answers = server.release();
        let refused: Vec<_> = invites
            .iter()
            .filter(|i| answers.status(i) == 503)
            .collect();
        assert!(!refused.is_empty());
        for invite in &refused {
            let reply = &answers.to(invite)[0];
            let seconds = header(reply, "Retry-After").map(|s| s.parse::<u32>().expect("seconds"));
            match least {
                Some(least) => assert!((least..=2 * least).contains(&seconds.unwrap()), "{reply}"),
                None => assert_eq!(seconds, None, "{reply}"),
            }
            for name in ["Via", "From", "Call-ID", "CSeq"] {
                assert_eq!(header(reply, name), header(invite, name), "{reply}");
            }
            let to = header(reply, "To").expect("a To");
            assert!(to.starts_with("<sip:bob@localhost>;tag="), "{reply}");
            let ack = invite.replace("INVITE ", "ACK ").replace(" INVITE", " ACK");
            let ack = ack.replace("To: <sip:bob@localhost>", &format!("To: {to}"));
            server.send(&ack);
        }
        assert_eq!(answered(&server, "OPTIONS"), 200);
        assert_eq!(server.counter("overload.acks"), refused.len() as u64);
        assert_eq!(server.logged("ACK in the script"), 0);
    }
}

#[test]
fn registrations_are_refused_when_refusing_calls_is_not_enough_and_then_answers_are_saved() {
    let server = Saturated::new(BY_SIZE);
    let registers = server.fill("REGISTER", 80);
    let answers = server.release();
    let count = |wanted| {
        registers
            .iter()
            .filter(|r| answers.status(r) == wanted)
            .count()
    };
    assert!(
        count(503) > 0 && count(200) > 0,
        "{} {}",
        count(503),
        count(200)
    );
    assert_eq!(count(503) + count(200) + count(0), registers.len());
    assert_eq!(server.counter("overload.refused"), count(503) as u64);
    assert_eq!(server.counter("overload.dropped"), count(0) as u64);
    let server = Saturated::new(BY_SIZE);
    let registers = server.fill("REGISTER", 97);
    let answers = server.release();
    let silent = registers
        .iter()
        .filter(|r| answers.to(r).is_empty())
        .count();
    assert!(silent > 0, "all were answered");
    assert_eq!(server.overload("dropped"), silent as u64);
}

#[test]
fn a_retransmission_gets_the_answer_of_its_request() {
    let server = Saturated::calm(BY_SIZE);
    let hold = within_dialog(&server.phone.request("HOLD", "sip:localhost"));
    server.send(&hold);
    // Behind HOLD and before what makes the overload: seen under pressure that has not lasted, so it is let in.
    let early = server.phone.request("INVITE", "sip:bob@localhost");
    server.send(&early);
    for _ in 0..4 {
        server.send(&within_dialog(
            &server.phone.request("SLOW", "sip:localhost"),
        ));
    }
    send_all(&server, &[early.clone(), early.clone()]);
    let late = server.fill("INVITE", 23);
    send_all(&server, &late);
    let answers = server.release();
    let statuses =
        |request| -> Vec<u16> { answers.to(request).iter().map(|r| status(r)).collect() };
    assert_eq!(statuses(&early), [200, 200, 200]);
    let refused = late.iter().filter(|r| statuses(r).contains(&503));
    let mut seen = 0;
    for request in refused {
        assert_eq!(statuses(request), [503, 503], "{request}");
        assert_eq!(answers.to(request)[0], answers.to(request)[1]);
        seen += 1;
    }
    assert!(seen > 0, "nobody was refused");
}

#[test]
fn waiting_long_is_an_overload_too() {
    let server = Saturated::calm("overload_delay = 20\n");
    let hold = within_dialog(&server.phone.request("HOLD", "sip:localhost"));
    // The kernel notes when datagrams come once it was asked: the first hold makes the receiver ask.
    server.send(&hold);
    server.fill("OTHER", 10);
    server.release();
    std::fs::remove_file(server.setup.path("go")).expect("it was made");
    server.send(&hold);
    let invites = server.fill("INVITE", 60);
    let before = server.overload("wait_ms");
    wait_until("they have waited", || {
        server.overload("wait_ms") > before + 100
    });
    let answers = server.release();
    let refused = invites.iter().filter(|i| answers.status(i) != 200).count();
    assert!(refused > 0, "{}", server.rpc("core.overload"));
}

#[test]
fn beginning_and_end_are_told() {
    let server = Saturated::new(BY_SIZE);
    assert_eq!(server.logged("ERROR: overload:"), 0);
    server.fill("INVITE", 46);
    server.release();
    let addr = format!("udp:127.0.0.1:{}", server.setup.port);
    let begun = format!("ERROR: overload: {addr}: ");
    assert_eq!(server.logged(&begun), 1, "it has begun");
    assert_eq!(server.overload("overloads"), 1);
    assert_eq!(server.counter("overload.begun"), 1);
    let metrics = server.rpc("core.metrics");
    for name in ["ser_overload_active", "ser_overload_begun_total"] {
        let family = metrics
            .lines()
            .find(|l| l.ends_with(&format!("name:{name}")));
        assert!(family.is_some_and(|l| l.contains(" value=1.0")), "{name}");
    }
    // Nobody sends anything: the timer looks.
    wait_until("it is over", || server.logged("over after") > 0);
    let state = server.rpc("core.overload");
    assert!(state.contains("state:calm"), "{state}");
    assert!(state.contains("overloaded_since:0"), "{state}");
    let refused = server.overload("refused") + server.overload("dropped");
    assert_eq!(
        server.logged(&format!("s, {refused} requests were not served")),
        1
    );
}

#[test]
fn switched_off_nobody_is_refused() {
    let server = Saturated::new(&format!("{BY_SIZE}overload_control = no\n"));
    let invites = server.fill("INVITE", 90);
    let answers = server.release();
    for invite in &invites {
        assert_eq!(answers.status(invite), 200);
    }
    let fault = server.rpc("core.overload");
    assert!(fault.starts_with("500 overload_control is off"), "{fault}");
    assert_eq!(server.counter("overload.begun"), 0);
}

#[test]
fn a_burst_is_served() {
    let server = Saturated::calm("overload_delay = 0\n");
    let hold = within_dialog(&server.phone.request("HOLD", "sip:localhost"));
    server.send(&hold);
    let invites = server.fill("INVITE", 90);
    let answers = server.release();
    for invite in &invites {
        assert_eq!(answers.status(invite), 200);
    }
    assert_eq!(server.counter("overload.begun"), 0);
}
