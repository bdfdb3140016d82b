//! A server with a script of the test, asked over module ctl.

use crate::common::{Foreground, Setup, load, rpc, ser};
use std::process::Command;

/// The server.
pub struct Site {
    pub setup: Setup,
    pub server: Foreground,
    modules: Vec<String>,
}

impl Site {
    /// Loads sl, ctl and `modules`; `text` is the rest of ser.cfg.
    pub fn new(modules: &[&str], text: &str, options: &[&str]) -> Site {
        Site::with_environment(modules, text, options, &[])
    }

    /// The same with variables in the environment.
    pub fn with_environment(
        modules: &[&str],
        text: &str,
        options: &[&str],
        variables: &[(&str, &str)],
    ) -> Site {
        let setup = Setup::new();
        let config = config(&setup, modules, text);
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let options = [&["-D", "-D", "-E"], options].concat();
        let mut command = setup.command(&options);
        command.envs(variables.iter().copied());
        let server = setup.start(command);
        let modules = modules.iter().map(|m| (*m).to_owned()).collect();
        Site {
            setup,
            server,
            modules,
        }
    }

    /// The same with `listen` lines of its own, which the command line leaves alone.
    pub fn listening(modules: &[&str], text: &str) -> Site {
        let setup = Setup::new();
        std::fs::write(setup.path("ser.cfg"), config(&setup, modules, text)).expect("written");
        let mut command = Command::new(ser());
        command.arg("-f").arg(setup.path("ser.cfg"));
        command.args(["-D", "-D", "-E"]);
        let server = setup.start(command);
        let modules = modules.iter().map(|m| (*m).to_owned()).collect();
        Site {
            setup,
            server,
            modules,
        }
    }

    /// Writes another ser.cfg with the same modules.
    pub fn write(&self, text: &str) {
        let modules: Vec<_> = self.modules.iter().map(String::as_str).collect();
        let config = config(&self.setup, &modules, text);
        std::fs::write(self.setup.path("ser.cfg"), config).expect("config is written");
    }

    /// A member of what core.generation tells.
    pub fn generation(&self, member: &str) -> String {
        let said = self.ask("core.generation", &[]);
        let mut members = said[0].split(',');
        let value = members.find_map(|m| m.strip_prefix(member)?.strip_prefix(':'));
        value
            .unwrap_or_else(|| panic!("no {member}: {said:?}"))
            .to_owned()
    }

    /// The pids of all processes, sorted.
    pub fn pids(&self) -> Vec<i32> {
        let children = self.server.tree.children();
        let mut pids: Vec<_> = children.iter().map(|p| p.pid).collect();
        pids.sort_unstable();
        pids
    }

    /// Calls a method; the lines of the answer.
    pub fn rpc(&self, method: &str, params: &[&str]) -> Vec<String> {
        rpc::call(&self.setup.path("ctl"), method, params)
    }

    /// The same, which has to succeed; the lines behind the status.
    pub fn ask(&self, method: &str, params: &[&str]) -> Vec<String> {
        let mut lines = self.rpc(method, params);
        assert_eq!(lines[0], "200 OK", "{method} {params:?}: {lines:?}");
        lines.split_off(1)
    }

    /// The descriptions of all processes, sorted.
    pub fn descs(&self) -> Vec<String> {
        let children = self.server.tree.children();
        let mut descs: Vec<_> = children.iter().map(|p| p.desc().to_owned()).collect();
        descs.sort();
        descs
    }

    /// The descriptions of the receivers, sorted, without their socket.
    pub fn receivers(&self) -> Vec<String> {
        let descs = self.descs();
        let names = descs.iter().filter_map(|d| Some(d.split_once(" sock=")?.0));
        names.map(str::to_owned).collect()
    }
}

/// A ser.cfg with module ctl at the socket `ctl` of the test's folder.
pub fn config(setup: &Setup, modules: &[&str], text: &str) -> String {
    let socket = setup.path("ctl");
    let socket = socket.display();
    format!(
        "{}modparam(\"ctl\", \"fifo\", \"unixs:{socket}\")\n{text}",
        load(&[&["sl", "ctl"], modules].concat()),
    )
}
