//! The FIFO: of the core parameter `fifo` and of module fifo, with shell scripts as clients.

use crate::common::wait_until;
use crate::ctl::fill;
use crate::lab::Lab;
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Sends a request as the scripts of operators do, and prints the answer. Where they run `cat reply &` first, here
/// the pipe is open for reading before the request leaves, however busy the machine is.
const ASK: &str = "take() { exec 3<>$1; exec 4<$1; exec 3>&-; }\n\
     give() { : > out; until [ -s out ]; do cat <&4 > out; sleep 0.01; done; cat out; }\n\
     ask() { rm -f reply; mkfifo reply; take reply; printf ':%s:reply\\n' \"$1\" > req; shift;\n\
     for p in \"$@\"; do printf '%s\\n' \"$p\" >> req; done; echo >> req; cat req > ser_fifo; give; }\n";

fn ask(lab: &Lab, call: &str) -> String {
    lab.shell(&format!("{ASK}ask {call}"))
}

fn of_the_core() -> Lab {
    Lab::new(
        &[],
        "fifo=\"@DIR@/ser_fifo\"\nfifo_mode=0640\nfifo_dir=\"@DIR@\"\n",
    )
}

#[test]
fn a_config_of_0_9_with_fifo_gets_its_fifo_without_a_module() {
    let lab = of_the_core();
    let file = std::fs::metadata(lab.path("ser_fifo")).expect("it is there");
    assert!(file.file_type().is_fifo());
    assert_eq!(file.permissions().mode() & 0o7777, 0o640);
    let script = "mkfifo reply; take reply; printf ':uptime:reply\\n\\n' > ser_fifo; give";
    let answer = lab.shell(&format!("{ASK}{script}"));
    assert!(answer.starts_with("200 OK\nuptime:"), "{answer}");
    assert!(ask(&lab, "ps").contains("\nfifo server\n"));
    assert!(ask(&lab, "which").contains("\ncore.uptime\n"));
    assert!(ask(&lab, "version").starts_with("200 OK\nServer: "));
    assert_eq!(
        ask(&lab, "print 'two\\nlines'"),
        "200 OK\ntwo\\nlines\n",
        "escapes go in and out"
    );
}

#[test]
fn the_fifo_goes_with_the_server() {
    let mut lab = of_the_core();
    lab.server.signal(Signal::SIGTERM);
    assert!(lab.server.wait().success());
    assert!(!lab.path("ser_fifo").exists());
}

#[test]
fn old_commands_reach_the_methods_of_today() {
    let lab = Lab::new(
        &["usrloc", "registrar"],
        "fifo=\"@DIR@/ser_fifo\"\nfifo_dir=\"@DIR@\"\nroute[1] { save(\"location\"); }",
    );
    let added = ask(&lab, "ul_add location bob sip:bob@h 100 0.5 0");
    assert_eq!(added, "200 OK\n");
    let shown = ask(&lab, "ul_show_contact location bob");
    assert!(shown.contains("sip\\obob@h"), "{shown}");
    assert!(ask(&lab, "ul_stats").contains("users:1"));
    assert!(ask(&lab, "ul_dump").contains("sip\\obob@h"));
    assert!(ask(&lab, "sl_stats").starts_with("200 OK\n"));
    assert_eq!(ask(&lab, "ul_rm location bob"), "200 OK\n");
    assert_eq!(
        ask(&lab, "t_stats"),
        "500 Command 't_stats' not found\n",
        "module tm is not loaded"
    );
}

#[test]
fn the_module_has_a_fifo_of_its_own() {
    let lab = Lab::new(
        &["fifo"],
        "modparam(\"fifo\", \"fifo_file\", \"@DIR@/ser_fifo\")\nmodparam(\"fifo\", \"fifo_dir\", \"@DIR@\")\n\
         modparam(\"fifo\", \"mode\", 384)\nmodparam(\"fifo\", \"reply_retries\", 2)\n\
         modparam(\"fifo\", \"reply_wait\", 1000)",
    );
    let file = std::fs::metadata(lab.path("ser_fifo")).expect("it is there");
    assert_eq!(file.permissions().mode() & 0o7777, 0o600);
    assert!(ask(&lab, "core.uptime").starts_with("200 OK\nuptime:"));
    assert_eq!(
        ask(&lab, "core.nosuch"),
        "500 Command 'core.nosuch' not found\n"
    );
}

#[test]
fn the_module_without_a_file_does_nothing() {
    let lab = Lab::new(&["fifo"], "");
    let children = lab.server.tree.children();
    assert!(children.iter().all(|c| !c.desc().contains("fifo")));
}

#[test]
fn a_fifo_that_another_server_reads_is_not_taken_from_it() {
    let lab = of_the_core();
    let config = format!(
        "fifo=\"{}\"\nroute {{ drop; }}\n",
        lab.path("ser_fifo").display()
    );
    let second = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(255), "{said}");
    assert!(said.contains("another server reads it"), "{said}");
    assert!(ask(&lab, "uptime").starts_with("200 OK"));
}

#[test]
fn reply_files_that_are_no_pipes_of_the_client_are_refused() {
    let lab = of_the_core();
    lab.shell(
        "mkdir sub; mkfifo real sub/out; echo kept > file; ln -s real link; mkfifo two; ln two three\n\
         for name in link file two three nothing sub/out ../x .real 'a\\b'; do\n\
         printf ':core.prints:%s\\nsecret\\n\\n' \"$name\" > ser_fifo; done",
    );
    assert!(ask(&lab, "uptime").starts_with("200 OK"), "it goes on");
    assert_eq!(lab.setup.read("file"), "kept\n");
    for why in [
        "reply pipe link",
        "reply pipe file",
        "no named pipe of its own",
        "Bad reply file name",
    ] {
        wait_until(why, || lab.log().contains(why));
    }
    lab.sip_goes_on();
}

#[test]
fn what_is_no_command_and_what_wants_no_reply_disturbs_nobody() {
    let lab = of_the_core();
    lab.shell(
        "printf 'hello\\n\\n::\\n\\n:\\n\\n:uptime\\n\\n\\n\\n\\n\\n' > ser_fifo\n\
         for i in 1 2 3 4 5 6 7 8 9; do printf ':core.prints:\\nx\\n\\n' > ser_fifo; done\n\
         head -c 200000 /dev/zero | tr '\\0' 'x' > ser_fifo; printf '\\n\\n' > ser_fifo\n\
         head -c 70000 /dev/urandom > ser_fifo; printf '\\n\\n' > ser_fifo",
    );
    assert_eq!(ask(&lab, "print here"), "200 OK\nhere\n");
    lab.sip_goes_on();
}

#[test]
fn a_reply_pipe_that_nobody_empties_does_not_hold_the_server() {
    let lab = Lab::new(
        &["usrloc", "registrar"],
        "fifo=\"@DIR@/ser_fifo\"\nfifo_dir=\"@DIR@\"\nroute[1] { save(\"location\"); }",
    );
    lab.shell(
        "i=0; while [ $i -lt 1500 ]; do printf ':ul_add:\\nlocation\\nu%s\\nsip:u@h\\n1000\\n0.5\\n0\\n\\n' $i > ser_fifo;\n\
         i=$((i+1)); done",
    );
    // The reader opens the pipe and takes nothing.
    lab.shell(&format!(
        "{ASK}mkfifo full; take full; printf ':ul_dump:full\\n\\n' > ser_fifo\n\
         until grep -q 'reply pipe full' err; do sleep 0.05; done"
    ));
    assert!(ask(&lab, "uptime").starts_with("200 OK"));
    lab.sip_goes_on();
}

#[test]
fn a_reader_that_takes_a_little_at_a_time_does_not_hold_the_server_for_ever() {
    let lab = Lab::new(
        &["usrloc", "registrar", "ctl"],
        "fifo=\"@DIR@/ser_fifo\"\nfifo_dir=\"@DIR@\"\nmodparam(\"ctl\", \"binrpc\", \"unixs:@DIR@/ctl\")\n\
         route[1] { save(\"location\"); }",
    );
    let mut ctl = UnixStream::connect(lab.path("ctl")).expect("ctl listens");
    fill(&mut ctl, 15_000);
    let (mut pipe, name) = lab.reply_pipe();
    std::fs::write(lab.path("ser_fifo"), format!(":ul_dump:{name}\n\n")).expect("written");
    let reader = std::thread::spawn(move || {
        let (mut taken, mut piece) = (0, [0; 4096]);
        loop {
            match pipe.read(&mut piece) {
                Ok(0) if taken > 0 => return taken,
                Ok(n) => taken += n,
                Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(ask(&lab, "uptime").starts_with("200 OK"));
    let taken = reader.join().expect("it read");
    assert!((1..1_000_000).contains(&taken), "{taken} of the whole dump");
    let given_up = format!("reply pipe {name}: timed out");
    wait_until(&given_up, || lab.log().contains(&given_up));
    lab.sip_goes_on();
}
