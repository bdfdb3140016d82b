//! A server with a script that answers OPTIONS, and its process tree.

use crate::common::sip::{Phone, first_line};
use crate::common::{Foreground, Setup, load};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The server.
pub struct Lab {
    pub setup: Setup,
    pub server: Foreground,
}

impl Lab {
    /// Loads `modules`; `lines` stand before the script. In them `@DIR@` is the folder of the test.
    pub fn new(modules: &[&str], lines: &str) -> Lab {
        let setup = Setup::new();
        let dir = setup.dir.path().to_string_lossy().into_owned();
        let lines = lines.replace("@DIR@", &dir);
        let config = format!(
            "{}{lines}\nroute {{ sl_send_reply(\"200\", \"OK\"); }}\n",
            load(&[&["sl"], modules].concat()),
        );
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        Lab { setup, server }
    }

    /// A path in the folder of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// Asks by OPTIONS and waits for the 200.
    pub fn sip_goes_on(&self) {
        let phone = Phone::new();
        let answer = phone.ask(phone.request("OPTIONS", "sip:x@y"), self.setup.addr());
        assert_eq!(first_line(&answer), "SIP/2.0 200 OK");
    }

    /// A reply pipe that is open for reading without waiting, and its name.
    pub fn reply_pipe(&self) -> (File, String) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("reply{}", NEXT.fetch_add(1, Ordering::Relaxed));
        nix::unistd::mkfifo(&self.path(&name), Mode::S_IRWXU).expect("a pipe");
        let mut how = OpenOptions::new();
        how.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        (how.open(self.path(&name)).expect("opened"), name)
    }

    /// Runs a shell script in the folder of the test; what it wrote to stdout.
    pub fn shell(&self, script: &str) -> String {
        let output = Command::new("timeout")
            .args(["30", "sh", "-c", script])
            .current_dir(self.setup.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a Python program in the folder of the test with words after its name; its output, or why it failed.
    pub fn python(&self, program: &str, words: &[&str]) -> String {
        let output = Command::new("timeout")
            .args(["60", "python3", "-c", program])
            .args(words)
            .current_dir(self.setup.dir.path())
            .output()
            .expect("python3 runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.setup.read("err")
    }
}
