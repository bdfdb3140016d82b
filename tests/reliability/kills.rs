//! Random processes are killed while phones register and call: nobody who was answered is forgotten, nothing stays
//! locked, and afterwards the server is as empty and as whole as before.
//!
//! `scripts/soak kills N` runs it with N kills; `PROXY=kamailio` shows what the same does to Debian's kamailio.

use crate::common::sip::{Phone, first_line, header};
use crate::common::{Foreground, Setup, load, rpc, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ROUTE: &str = r#"
route {
    if (method == "REGISTER") {
        save("location");
        exit;
    }
    if (!t_relay()) { sl_reply_error(); }
}
"#;
/// A message every so often.
const PACE: Duration = Duration::from_millis(5);
/// What is not answered is sent again (timer E of RFC 3261).
const AGAIN: Duration = Duration::from_millis(500);
/// And given up (timer F).
const LIMIT: Duration = Duration::from_secs(32);

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Says it where it is seen: the test harness swallows what `println!` writes.
fn say(text: &str) {
    // Nobody listens: nothing to do.
    let _ = std::io::stderr().write_all(format!("kills: {text}\n").as_bytes());
}

/// One request under way.
struct Open {
    text: String,
    first: Instant,
    last: Instant,
    /// The user that it registers; none: it is one of a call.
    user: Option<String>,
}

/// What became of all requests.
#[derive(Default)]
struct Done {
    /// Users whose REGISTER was answered with 200, with their contacts.
    registered: Vec<(String, String)>,
    calls: u64,
    /// Requests without an answer in time, or with a bad one.
    lost: Vec<String>,
    again: u64,
}

/// Registers and calls until it is told to stop, then waits for what is under way.
fn phones(server: SocketAddr, callee: SocketAddr, stop: &AtomicBool) -> Done {
    let phone = Phone::new();
    let mut done = Done::default();
    let mut open: BTreeMap<String, Open> = BTreeMap::new();
    let mut next = Instant::now();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) || !open.is_empty() {
        let now = Instant::now();
        if now >= next && !stop.load(Ordering::Relaxed) {
            next += PACE;
            n += 1;
            let (text, user) = request(&phone, callee, n);
            let id = header(&text, "Call-ID").expect("a Call-ID").to_owned();
            phone.send(&text, server);
            let (first, last) = (now, now);
            open.insert(
                id,
                Open {
                    text,
                    first,
                    last,
                    user,
                },
            );
        }
        for waiting in open.values_mut().filter(|o| now - o.last >= AGAIN) {
            phone.send(&waiting.text, server);
            waiting.last = now;
            done.again += 1;
        }
        let late: Vec<String> = open
            .iter()
            .filter(|(_, o)| now - o.first > LIMIT)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            let gone = open.remove(&id).expect("just seen");
            done.lost.push(format!("no answer: {}", gone.text));
        }
        if let Some((reply, _)) = phone.try_recv(Duration::from_millis(2)) {
            let reply = String::from_utf8_lossy(&reply).into_owned();
            take(&phone, server, &reply, &mut open, &mut done);
        }
    }
    done
}

/// Three registrations, then the INVITE of a call.
fn request(phone: &Phone, callee: SocketAddr, n: u64) -> (String, Option<String>) {
    if n.is_multiple_of(4) {
        return (phone.request("INVITE", &format!("sip:{callee}")), None);
    }
    let user = format!("user-{n}");
    let contact = format!("Contact: <sip:{user}@127.0.0.1:5098>;expires=3600\r\nContent-Length");
    let text = phone
        .request("REGISTER", "sip:localhost")
        .replace("sip:bob@localhost", &format!("sip:{user}@localhost"))
        .replacen("Content-Length", &contact, 1);
    (text, Some(user))
}

/// A reply has come: the 200 of an INVITE is acknowledged each time, and followed by a BYE.
fn take(
    phone: &Phone,
    server: SocketAddr,
    reply: &str,
    open: &mut BTreeMap<String, Open>,
    done: &mut Done,
) {
    let status = first_line(reply);
    let id = header(reply, "Call-ID").unwrap_or_default().to_owned();
    let method = header(reply, "CSeq").and_then(|c| c.split(' ').nth(1));
    if status.starts_with("SIP/2.0 1") {
        return;
    }
    let invite = method == Some("INVITE") && status == "SIP/2.0 200 OK";
    let Some(waiting) = open.get_mut(&id) else {
        return;
    };
    if invite {
        let ack = waiting.text.replace("INVITE", "ACK");
        phone.send(ack.replace("branch=z9hG4bK", "branch=z9hG4bKack"), server);
        let bye = waiting.text.replace("INVITE", "BYE");
        let bye = bye.replace("branch=z9hG4bK", "branch=z9hG4bKbye");
        if waiting.text.starts_with("INVITE") {
            phone.send(&bye, server);
            (waiting.text, waiting.last) = (bye, Instant::now());
        }
        return;
    }
    // An answer to what is not waited for any more.
    if method.is_none_or(|method| !waiting.text.starts_with(method)) {
        return;
    }
    let ended = open.remove(&id).expect("just seen");
    match (status, ended.user) {
        ("SIP/2.0 200 OK", Some(user)) => {
            let contact = format!("sip:{user}@127.0.0.1:5098");
            done.registered.push((user, contact));
        }
        ("SIP/2.0 200 OK", None) => done.calls += 1,
        (other, _) => done.lost.push(format!("{other}: {}", ended.text)),
    }
}

/// Answers everything with 200.
fn callee(phone: &Phone, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Some((request, from)) = phone.try_recv(Duration::from_millis(20)) else {
            continue;
        };
        let request = String::from_utf8_lossy(&request).into_owned();
        if request.starts_with("ACK ") || request.starts_with("SIP/2.0") {
            continue;
        }
        let kept: String = request
            .split("\r\n")
            .filter(|line| {
                let name = line.split(':').next().unwrap_or("");
                ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name)
            })
            .map(|line| format!("{line}\r\n"))
            .collect();
        let kept = kept.replacen(
            "To: <sip:bob@localhost>\r\n",
            "To: <sip:bob@localhost>;tag=b\r\n",
            1,
        );
        phone.send(
            format!("SIP/2.0 200 OK\r\n{kept}Content-Length: 0\r\n\r\n"),
            from,
        );
    }
}

/// Kills a random child every 100 ms; how many it were.
fn kill_children(children: impl Fn() -> Vec<i32>, kills: u64) -> u64 {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut killed = 0;
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(100));
        let children = children();
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let Some(&pid) = children.get((state >> 33) as usize % children.len().max(1)) else {
            break;
        };
        killed += u64::from(kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok());
    }
    killed
}

/// Loads the server while its children are killed.
fn run(server: SocketAddr, kills: u64, children: impl Fn() -> Vec<i32>) -> (Done, u64) {
    let (stop, end) = (AtomicBool::new(false), AtomicBool::new(false));
    let other = Phone::new();
    let to = other.addr();
    std::thread::scope(|scope| {
        scope.spawn(|| callee(&other, &end));
        let phones = scope.spawn(|| phones(server, to, &stop));
        let killed = kill_children(children, kills);
        stop.store(true, Ordering::Relaxed);
        let done = phones.join().expect("the phones end");
        end.store(true, Ordering::Relaxed);
        (done, killed)
    })
}

/// The answer to a REGISTER that asks for the contacts of a user.
fn contacts(phone: &Phone, server: SocketAddr, user: &str, more: &str) -> String {
    let request = phone
        .request("REGISTER", "sip:localhost")
        .replace("sip:bob@localhost", &format!("sip:{user}@localhost"))
        .replacen("Content-Length", &format!("{more}Content-Length"), 1);
    phone.ask(request, server)
}

fn value(answer: &[String], name: &str) -> i64 {
    let members = answer.iter().flat_map(|line| line.split(','));
    let mut values = members.filter_map(|member| member.split_once(':'));
    let found = values.find(|(found, _)| *found == name);
    found.map_or(-1, |(_, value)| value.parse().expect("a number"))
}

fn config(setup: &Setup) -> String {
    format!(
        "debug=1\n{}modparam(\"tm\", \"wt_timer\", 500)\nmodparam(\"tm\", \"fr_timer\", 3000)\n\
         modparam(\"ctl\", \"fifo\", \"unixs:{}\")\n{ROUTE}",
        load(&["sl", "tm", "usrloc", "registrar", "ctl"]),
        setup.path("ctl").display()
    )
}

fn ours(setup: &Setup) -> Foreground {
    std::fs::write(setup.path("ser.cfg"), config(setup)).expect("config is written");
    setup.foreground(&["-D", "-D", "-E", "-n", "4"])
}

/// How long there was no process after each death, in ms, in order of size.
fn gaps(log: &str) -> Vec<f64> {
    let after = log
        .lines()
        .filter_map(|line| line.split_once(" is replaced after "));
    let mut gaps: Vec<f64> = after
        .filter_map(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

#[test]
fn killing_children_at_random_loses_no_registration_and_no_call_and_leaves_all_whole() {
    if std::env::var("PROXY").is_ok_and(|name| name == "kamailio") {
        return kamailio();
    }
    let setup = Setup::new();
    let server = ours(&setup);
    let addr = SocketAddr::from(([127, 0, 0, 1], setup.port));
    let ask = |method: &str| rpc::call(&setup.path("ctl"), method, &[]);
    let before = value(&ask("core.shmmem"), "real_used");
    let children = || server.tree.children().iter().map(|p| p.pid).collect();
    let (done, killed) = run(addr, setting("KILLS", 60), children);

    let log = setup.read("err");
    let gaps = gaps(&log);
    say(&format!(
        "{killed} kills: {} registrations and {} calls answered, {} lost, {} sent again",
        done.registered.len(),
        done.calls,
        done.lost.len(),
        done.again
    ));
    say(&format!(
        "replaced after (ms): median {:?}, most {:?}, of {}",
        gaps.get(gaps.len() / 2),
        gaps.last(),
        gaps.len()
    ));
    assert!(killed > 0 && done.calls > 0 && !done.registered.is_empty());
    assert_eq!(done.lost, Vec::<String>::new());
    wait_until("every process is replaced", || {
        server.tree.children().len() >= 7
            && rpc::call(&setup.path("ctl"), "core.uptime", &[])[0] == "200 OK"
    });
    assert_eq!(
        ask("core.shm_check")[0],
        "200 OK",
        "{:?}",
        ask("core.shm_check")
    );
    let phone = Phone::new();
    for (user, contact) in &done.registered {
        let answer = contacts(&phone, addr, user, "");
        assert!(
            answer.contains(contact.as_str()),
            "{user} is forgotten: {answer}"
        );
        contacts(&phone, addr, user, "Contact: *\r\nExpires: 0\r\n");
    }
    wait_until("the last transaction ends", || {
        value(&ask("tm.stats"), "current") == 0
    });
    let lost = value(&ask("core.shmmem"), "real_used") - before;
    say(&format!(
        "shared memory: {before} bytes before, {lost} more after"
    ));
    // Processes hold some blocks of their own; at a few of all deaths one block is lost.
    assert!(lost < 16_384 + 100 * killed as i64, "{lost} bytes are lost");
    let bad = |line: &&str| line.contains("BUG") || line.contains("panic");
    assert_eq!(setup.read("err").lines().find(bad), None);
}

/// The same with kamailio: tells what becomes of it.
fn kamailio() {
    let setup = Setup::new();
    let route = ROUTE.replace("method", "$rm");
    let config = format!(
        "debug=-1\nlog_stderror=yes\ndisable_tcp=yes\nauto_aliases=no\ndns=no\nrev_dns=no\n\
         loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"pv.so\"\nloadmodule \"kex.so\"\n\
         loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n{}",
        route.replace("route {", "request_route {")
    );
    std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
    let mut child = start_kamailio(&setup);
    let addr = SocketAddr::from(([127, 0, 0, 1], setup.port));
    let pid = child.id() as i32;
    let children = || {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().flat_map(str::parse).collect()
    };
    let (done, killed) = run(addr, setting("KILLS", 60), children);
    say(&format!(
        "kamailio: {killed} kills; {} registrations and {} calls answered, {} requests lost; the server {}",
        done.registered.len(),
        done.calls,
        done.lost.len(),
        match child.try_wait() {
            Ok(Some(status)) => format!("has ended ({status})"),
            Ok(None) | Err(_) => "lives".into(),
        }
    ));
    // It may have ended already.
    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    let _ = child.wait();
}

fn start_kamailio(setup: &Setup) -> Child {
    let err = std::fs::File::create(setup.path("err")).expect("a file for stderr");
    let child = Command::new("kamailio")
        .args(["-DD", "-E", "-m", "64", "-n", "4", "-l"])
        .arg(format!("udp:127.0.0.1:{}", setup.port))
        .arg("-f")
        .arg(setup.path("ser.cfg"))
        .arg("-Y")
        .arg(setup.dir.path())
        .arg("-P")
        .arg(setup.path("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(err)
        .spawn()
        .expect("kamailio starts (Debian package kamailio)");
    wait_until("kamailio has written its pid file", || {
        setup.path("pid").exists()
    });
    std::thread::sleep(Duration::from_secs(1));
    child
}
