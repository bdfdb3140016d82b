//! The log from outside: levels, forms, and what a stranger can write into it.

mod common;

use common::sip::{Phone, first_line};
use common::{Setup, is_root, load, wait_until};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

/// One line a level, and an answer behind them.
const SCRIPT: &str = r#"
route {
    log(-3, "level alert\n");
    log(-2, "level crit\n");
    log(-1, "level err\n");
    log(0, "level default\n");
    log(1, "level warn\n");
    log(2, "level notice\n");
    log(3, "level info\n");
    log(4, "level dbg\n");
    sl_send_reply("200", "OK");
}
"#;
const NAMES: [&str; 8] = [
    "alert", "crit", "err", "default", "warn", "notice", "info", "dbg",
];

fn setup(params: &str) -> Setup {
    Setup::with_config(&format!("{params}{}{SCRIPT}", load(&["sl"])))
}

fn ask(setup: &Setup) {
    let phone = Phone::new();
    let reply = phone.ask(phone.request("OPTIONS", "sip:localhost"), setup.addr());
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
}

#[test]
fn debug_is_the_threshold_and_d_on_the_command_line_overrides_it() {
    let cases: [(&str, &[&str], usize); 7] = [
        ("", &[], 4),
        ("debug=-3\n", &[], 1),
        ("debug=-1\n", &[], 3),
        ("debug=2\n", &[], 6),
        ("debug=9\n", &[], 8),
        ("debug=9\n", &["-d"], 5),
        ("debug=-3\n", &["-ddd", "-d"], 8),
    ];
    for (params, options, wanted) in cases {
        let setup = setup(params);
        let mut all = vec!["-D", "-D", "-E"];
        all.extend(options);
        let _server = setup.foreground(&all);
        ask(&setup);
        let log = setup.read("err");
        let there = |name: &&&str| log.contains(&format!("level {name}\n"));
        let seen: Vec<_> = NAMES.iter().filter(there).copied().collect();
        assert_eq!(seen, NAMES[..wanted], "{params} {options:?}");
    }
}

#[test]
fn a_line_on_stderr_begins_with_the_number_and_pid_of_its_process() {
    let setup = setup("");
    let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
    ask(&setup);
    let receiver = server
        .tree
        .child(&format!("receiver child=0 sock=127.0.0.1:{}", setup.port));
    let log = setup.read("err");
    let line = format!(" 1({receiver}) level alert");
    assert!(log.lines().any(|l| l == line), "{log}");
    assert!(!log.contains('\x1b'), "a file has no colours");
}

#[test]
fn a_strangers_bytes_neither_end_a_line_of_the_log_nor_steer_a_terminal() {
    let setup = setup("");
    let _server = setup.foreground(&["-D", "-D", "-E"]);
    let phone = Phone::new();
    phone.send(
        "BAD \x1b[2J\n 0(1) ERROR: forged\r\n\r\n and long enough",
        setup.addr(),
    );
    ask(&setup);
    let log = || setup.read("err");
    wait_until("the message in the log", || {
        log().contains("ERROR: parse_msg: ")
    });
    let shown = format!(
        " from {}: message=<BAD \\x1b[2J\\n 0(1) ERROR: forged\\r\\n\\r\\n and long enough>\n",
        phone.addr()
    );
    assert!(log().contains(&shown), "{}", log());
    assert!(!log().contains('\x1b'));
    assert!(!log().contains("\n 0(1) ERROR: forged"));
}

/// A server whose /dev/log is `log` in the test's folder; `None`: that cannot be arranged here.
fn with_syslog(setup: &Setup, options: &[&str]) -> Option<(common::Foreground, UnixDatagram)> {
    let arranged =
        "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && ln -s \"$0\" /dev/log";
    let path = setup.path("log");
    let try_out = Command::new("unshare")
        .args(["-m", "sh", "-c", arranged])
        .arg(&path)
        .status();
    if !is_root() || !try_out.is_ok_and(|status| status.success()) {
        eprintln!("no right to give the server another /dev");
        return None;
    }
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let server = setup.command(options);
    let mut command = Command::new("unshare");
    let script = format!("{arranged} && exec \"$@\"");
    command.args(["-m", "sh", "-c", &script]).arg(&path);
    command.arg(server.get_program()).args(server.get_args());
    Some((setup.start(command), socket))
}

/// What has been sent to syslog until now, and the next that comes with `last` in it.
fn read_syslog(socket: &UnixDatagram, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let length = socket.recv(&mut buffer).expect("a message in time");
        all.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        if all.last().is_some_and(|line| line.contains(last)) {
            return all;
        }
    }
}

#[test]
fn syslog_gets_facility_level_name_and_pid_and_only_the_levels_it_knows() {
    let setup = setup("debug=9\nlog_facility=LOG_LOCAL3\nlog_stderror=no\n");
    let Some((server, socket)) = with_syslog(&setup, &["-D", "-D", "-n", "1"]) else {
        return;
    };
    let receiver = server
        .tree
        .child(&format!("receiver child=0 sock=127.0.0.1:{}", setup.port));
    ask(&setup);
    let lines = read_syslog(&socket, "level dbg");
    let ours: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("]: level "))
        .collect();
    // Priority = facility (19) * 8 + severity (RFC 3164 §4.1.1).
    let wanted = [
        (1, "alert"),
        (2, "crit"),
        (3, "err"),
        (4, "warn"),
        (5, "notice"),
        (6, "info"),
        (7, "dbg"),
    ];
    let line = |(severity, name)| format!("<{}>ser[{receiver}]: level {name}", 19 * 8 + severity);
    assert_eq!(ours, wanted.map(line).iter().collect::<Vec<_>>());
    assert!(!setup.read("err").contains("level "), "nothing on stderr");
}

#[test]
fn a_daemon_without_e_logs_to_syslog_and_keeps_stderr_quiet() {
    let setup = setup("");
    let Some((server, socket)) = with_syslog(&setup, &["-D", "-D"]) else {
        return;
    };
    let phone = Phone::new();
    phone.send("nothing that anybody could understand", setup.addr());
    let lines = read_syslog(&socket, "parse_msg");
    // LOG_DAEMON and LOG_ERR.
    assert!(lines.last().unwrap().starts_with("<27>ser["), "{lines:?}");
    drop(server);
    socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    assert!(!setup.read("err").contains("parse_msg"));
}
