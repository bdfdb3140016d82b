//! `serctl fifo`, `serctl unixsock`, and a server that has a FIFO alone.

use crate::common::Setup;
use crate::lab::{Lab, failed, serctl};
use std::process::Output;

/// A config of SER 0.9: no module ctl.
struct Old {
    setup: Setup,
    server: crate::common::Foreground,
}

fn old() -> Old {
    let setup = Setup::new();
    let dir = setup.dir.path().display();
    let config = format!(
        "fifo=\"{dir}/fifo\"\nfifo_dir=\"{dir}\"\nunix_sock=\"{dir}/sock\"\n{}route[1] {{ save(\"location\"); }}\nroute {{ drop; }}\n",
        crate::common::load(&["sl", "usrloc", "registrar"])
    );
    std::fs::write(setup.path("ser.cfg"), config).unwrap();
    let server = setup.foreground(&["-D", "-D", "-E"]);
    Old { setup, server }
}

impl Old {
    fn serctl(&self, words: &[&str]) -> Output {
        let mut command = serctl();
        command.env("SER_FIFO", self.setup.path("fifo"));
        command.env("SER_UNIXSOCK", self.setup.path("sock"));
        command.env("SER_FIFO_DIR", self.setup.dir.path());
        command.env("TMPDIR", self.setup.dir.path());
        // Nobody listens there, as on a machine without module ctl.
        command.args(words).output().unwrap()
    }

    fn says(&self, words: &[&str]) -> String {
        let output = self.serctl(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What clients made and left behind.
    fn left(&self) -> usize {
        let files = std::fs::read_dir(self.setup.dir.path()).unwrap().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("serctl")).count()
    }
}

#[test]
fn raw_commands_go_through_the_fifo_and_replies_come_back_without_their_200() {
    let old = old();
    let said = old.says(&["fifo", "ps"]);
    let attendant = old.server.tree.attendant();
    assert!(
        said.starts_with(&format!("{attendant}\nattendant\n")),
        "{said}"
    );
    assert_eq!(old.says(&["fifo", "core.prints", "a b"]), "a b\n");
    assert_eq!(old.says(&["fifo", "print", "a\\nb"]), "a\\nb\n");
    let output = old.serctl(&["fifo", "nosuch"]);
    assert_eq!(output.stdout, b"500 Command 'nosuch' not found\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(old.left(), 0);
}

#[test]
fn raw_commands_go_to_module_unixsock() {
    let old = old();
    assert_eq!(old.says(&["unixsock", "core.prints", "a b"]), "a b\n");
    let output = old.serctl(&["unixsock", "nosuch"]);
    assert_eq!(output.stdout, b"500 Command 'nosuch' not found\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(old.left(), 0);
}

#[test]
fn all_verbs_work_over_the_line_protocol() {
    let old = old();
    let dir = old.setup.dir.path().display().to_string();
    for address in [format!("fifo:{dir}/fifo"), format!("unixsock:{dir}/sock")] {
        let with = |words: &[&str]| old.says(&[&["-s", &address][..], words].concat());
        let shown = with(&["ps"]);
        assert!(shown.contains(" attendant\n"), "{shown}");
        assert!(
            shown.contains("receiver child=0 sock=127.0.0.1:"),
            "{shown}"
        );
        with(&["ul", "add", "bob", "sip:b:c@h;x=\"\\\"1,2\\\"\""]);
        let shown = with(&["ul", "show", "bob"]);
        assert_eq!(
            shown,
            "<sip:b:c@h;x=\"\\\"1,2\\\"\">;q=1.00;expires=permanent\n"
        );
        assert_eq!(with(&["online"]), "bob\n");
        with(&["ul", "rm", "bob"]);
        assert!(with(&["stats"]).contains("registered users"));
        assert_eq!(with(&["rpc", "core.prints", "s:7"]), "7\n");
    }
    assert_eq!(old.left(), 0);
}

#[test]
fn what_cannot_be_a_line_is_refused() {
    let old = old();
    let (code, said) = failed(old.serctl(&["fifo", "print", ""]));
    assert_eq!(code, Some(1));
    assert!(
        said.contains("an empty line would end the request"),
        "{said}"
    );
    let (code, said) = failed(old.serctl(&["fifo", "print", "a\nb"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("write \\n for a line end"), "{said}");
    let (code, said) = failed(old.serctl(&["-s", "tcp:localhost", "fifo", "ps"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("fifo:PATH"), "{said}");
}

#[test]
fn a_fifo_that_is_not_there_or_that_nobody_reads_is_said_as_the_original_did() {
    let setup = Setup::new();
    nix::unistd::mkfifo(&setup.path("unread"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(setup.path("file"), "").unwrap();
    for (name, why) in [
        ("absent", "No such file or directory"),
        ("unread", "no server reads it"),
        ("file", "it is no pipe"),
    ] {
        let path = setup.path(name);
        let mut command = serctl();
        command
            .env("SER_FIFO", &path)
            .env("SER_FIFO_DIR", setup.dir.path());
        let (code, said) = failed(command.args(["fifo", "ps"]).output().unwrap());
        let path = path.display();
        assert_eq!(code, Some(2));
        let expected = format!(
            "error: Error opening ser's FIFO {path}: {why}\nMake sure you have line fifo={path} in your config\n"
        );
        assert_eq!(said, expected);
    }
    assert_eq!(std::fs::read(setup.path("file")).unwrap(), b"");
    let mut command = serctl();
    command.env("SER_FIFO_DIR", "/nonexistent");
    let (code, _) = failed(command.args(["fifo", "ps"]).output().unwrap());
    assert_eq!(code, Some(3), "no pipe for the reply can be made");
}

#[test]
fn a_long_reply_streams_through_the_fifo() {
    let lab = Lab::new(
        &["usrloc", "registrar"],
        "fifo=\"@DIR@/fifo\"\nfifo_dir=\"@DIR@\"\nroute[1] { save(\"location\"); }",
    );
    let long = "x".repeat(1000);
    for i in 0..200 {
        lab.says(&["ul", "add", &format!("u{i}"), &format!("sip:{long}@h")]);
    }
    let variables = [
        ("SER_FIFO", lab.path("fifo").display().to_string()),
        ("SER_FIFO_DIR", lab.setup.dir.path().display().to_string()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let output = lab.serctl_with(&variables, &["fifo", "usrloc.dump"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout.iter().filter(|b| **b == b'\n').count(), 200);
}
