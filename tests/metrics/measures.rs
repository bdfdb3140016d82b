//! What takes time: route blocks, commands, processes, sockets.

use crate::common::wait_until;
use crate::lab::{Lab, Page};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A route block that sleeps 50 ms and calls commands, from one that does nothing else.
const SCRIPT: &str = "route { route(\"inner\"); sl_send_reply(\"200\", \"OK\"); }\n\
                      route[inner] { if (search(\"^never there\")) { drop; } exec(\"sleep 0.05\"); }";

fn route(page: &Page, what: &str, name: &str) -> f64 {
    page.value(&format!(
        "ser_route_{what}{{kind=\"route\",route=\"{name}\"}}"
    ))
}

#[test]
fn route_blocks_are_measured_with_their_own_time_and_that_of_what_they_call() {
    let lab = Lab::new(&["textops"], SCRIPT);
    for _ in 0..3 {
        assert_eq!(lab.ask("OPTIONS", "sip:a@b"), "SIP/2.0 200 OK");
    }
    let page = lab.page_where("all are counted", |page| {
        route(page, "seconds_count", "0") == 3.0
    });
    for name in ["0", "inner"] {
        assert_eq!(route(&page, "seconds_count", name), 3.0);
        assert!(route(&page, "seconds_sum", name) >= 0.12, "{name}");
    }
    let own = |name| route(&page, "own_seconds_total", name);
    assert!(own("inner") >= 0.12);
    assert!(route(&page, "seconds_sum", "0") > own("0") + own("inner") - 1e-6);
    let bucket = |le: &str| {
        page.value(&format!(
            "ser_route_seconds_bucket{{kind=\"route\",route=\"inner\",le=\"{le}\"}}"
        ))
    };
    assert_eq!((bucket("0.02"), bucket("+Inf")), (0.0, 3.0));
    let told = lab.rpc("core.routes", &[]);
    assert!(
        told.contains("name:inner") && told.contains("calls:3"),
        "{told}"
    );
}

#[test]
fn commands_are_counted_with_their_failures() {
    let lab = Lab::new(&["textops"], SCRIPT);
    for _ in 0..2 {
        assert_eq!(lab.ask("OPTIONS", "sip:a@b"), "SIP/2.0 200 OK");
    }
    let value = |page: &Page, what: &str, module: &str, command: &str| {
        let labels = format!("{{module=\"{module}\",command=\"{command}\"}}");
        page.value(&format!("ser_command_{what}_total{labels}"))
    };
    let page = lab.page_where("both are counted", |page| {
        value(page, "calls", "sl", "sl_send_reply") == 2.0
    });
    let of = |what, module, command| value(&page, what, module, command);
    assert_eq!(of("calls", "sl", "sl_send_reply"), 2.0);
    assert_eq!(of("errors", "sl", "sl_send_reply"), 0.0);
    assert_eq!(of("calls", "textops", "search"), 2.0);
    assert_eq!(of("errors", "textops", "search"), 2.0);
    assert!(of("seconds", "sl", "sl_send_reply") > 0.0);
    let told = lab.rpc("core.commands", &[]);
    assert!(told.contains("name:search"), "{told}");
}

#[test]
fn the_measuring_of_the_script_can_be_switched_off() {
    let lab = Lab::new(&["textops"], &format!("script_stats=no\n{SCRIPT}"));
    assert_eq!(lab.ask("OPTIONS", "sip:a@b"), "SIP/2.0 200 OK");
    let page = lab.page();
    assert!(!page.0.contains("ser_route_seconds_count{"));
    assert_eq!(page.find("ser_route_own_seconds_total"), None);
    for method in ["core.routes", "core.commands"] {
        let told = lab.rpc(method, &[]);
        assert!(
            told.starts_with("500 ") && told.contains("script_stats"),
            "{told}"
        );
    }
    assert_eq!(
        page.value("ser_received_requests_total{method=\"OPTIONS\"}"),
        1.0
    );
}

#[test]
fn a_process_tells_what_it_waits_for_while_it_does_and_afterwards() {
    let text = "route { exec(\"while [ ! -e @GO@ ]; do sleep 0.02; done\"); sl_send_reply(\"200\", \"OK\"); }";
    let folder = tempfile::tempdir().expect("a folder");
    let go = folder.path().join("go");
    let lab = Lab::new(&[], &text.replace("@GO@", &go.display().to_string()));
    let request = lab.phone.request("OPTIONS", "sip:a@b");
    lab.phone.send(request, lab.addr());
    let working = "ser_process_working_seconds{process=\"1\"}";
    wait_until("the receiver is seen at work", || {
        lab.page().value(working) > 0.05
    });
    std::fs::write(&go, "").expect("written");
    assert!(lab.phone.recv().starts_with("SIP/2.0 200"));
    wait_until("it is idle again", || lab.page().value(working) == 0.0);
    let page = lab.page();
    let of = |what: &str| page.value(&format!("ser_process_{what}{{process=\"1\"}}"));
    assert_eq!(of("service_seconds_count"), 1.0);
    assert!(of("service_seconds_sum") >= 0.05);
    assert!(of("script_seconds_total") >= 0.05);
    assert_eq!(of("send_delay_seconds_count"), 1.0);
    assert!(of("send_delay_seconds_sum") >= 0.05);
    assert!(of("awake_seconds_total") >= 0.05);
    let blocked = |kind: &str| {
        page.value(&format!(
            "ser_process_blocked_seconds_total{{process=\"1\",in=\"{kind}\"}}"
        ))
    };
    assert!(blocked("exec") >= 0.05);
    assert_eq!(blocked("database"), 0.0);
    assert!(page.value("ser_processes") >= 5.0);
    assert!(page.0.contains("description=\"prometheus server\""));
    let told = lab.rpc("core.workers", &[]);
    for member in ["idle_us:", "awake_us:", "script_us:", "send_p99_us:"] {
        assert!(told.contains(member), "{member} in {told}");
    }
}

#[test]
fn what_waits_in_the_kernel_and_what_it_drops_is_seen() {
    let lab = Lab::new(&[], "maxbuffer=16384\nroute { drop; }");
    let socket = format!("{{socket=\"udp:127.0.0.1:{}\"}}", lab.addr().1);
    let queue = format!("ser_socket_queue_bytes{socket}");
    let drops = format!("ser_socket_dropped_datagrams_total{socket}");
    assert_eq!(lab.page().value(&drops), 0.0);
    let port = lab.addr().1;
    let receiver = format!("receiver child=0 sock=127.0.0.1:{port}");
    let receiver = Pid::from_raw(lab.server.tree.child(&receiver));
    kill(receiver, Signal::SIGSTOP).expect("it lives");
    // More than any queue that is made here.
    for _ in 0..2_000 {
        lab.phone.send("x".repeat(1000), lab.addr());
    }
    let page = lab.page();
    kill(receiver, Signal::SIGCONT).expect("it lives");
    assert!(page.value(&queue) > 1_000.0);
    assert!(page.value(&format!("ser_socket_queue_limit_bytes{socket}")) > 1_000.0);
    assert!(page.value(&drops) > 0.0);
    wait_until("the queue is read", || lab.page().value(&queue) == 0.0);
    assert!(lab.page().value(&drops) >= page.value(&drops));
}
