//! A server that module ctl listens for, and `serctl` as an operator calls it.

use crate::common::{Foreground, Setup, load, modules_dir};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The program, for an operator who has set nothing.
pub fn serctl() -> Command {
    let path = modules_dir().join("serctl");
    let built = "cargo build --workspace makes it";
    assert!(path.exists(), "{} is missing: {built}", path.display());
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).env("HOME", "/nonexistent");
    for variable in [
        "SER_CTL",
        "SER_FIFO",
        "SIP_DOMAIN",
        "PID_FILE",
        "STARTOPTIONS",
    ] {
        command.env_remove(variable);
    }
    command
}

/// The server.
pub struct Lab {
    pub setup: Setup,
    pub server: Foreground,
}

impl Lab {
    /// Loads `modules` and ctl; `lines` stand before a script that answers everything with 200. In them
    /// `@DIR@` is the folder of the test.
    pub fn new(modules: &[&str], lines: &str) -> Lab {
        let route = "route { sl_send_reply(\"200\", \"OK\"); }";
        Lab::with_route(modules, lines, route)
    }

    /// The same with another script.
    pub fn with_route(modules: &[&str], lines: &str, route: &str) -> Lab {
        let setup = Setup::new();
        let dir = setup.dir.path().to_string_lossy().into_owned();
        let config = format!(
            "{}modparam(\"ctl\", \"binrpc\", \"unixs:{dir}/ctl\")\n{}\n{route}\n",
            load(&[&["sl", "ctl"], modules].concat()),
            lines.replace("@DIR@", &dir),
        );
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "2"]);
        Lab { setup, server }
    }

    /// A path in the folder of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// `serctl` that is told where the server is.
    pub fn serctl(&self, words: &[&str]) -> Output {
        let mut command = serctl();
        let socket = format!("unixs:{}", self.path("ctl").display());
        command.args(["-s", &socket]).args(words);
        command.output().expect("serctl runs")
    }

    /// The same with variables in the environment.
    pub fn serctl_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Output {
        let mut command = serctl();
        command.envs(variables.iter().copied()).args(words);
        command.env("SER_CTL", self.path("ctl"));
        command.output().expect("serctl runs")
    }

    /// What it writes to stdout when all is well.
    pub fn says(&self, words: &[&str]) -> String {
        let output = self.serctl(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// Exit code and stderr of a call that fails.
pub fn failed(output: Output) -> (Option<i32>, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}
