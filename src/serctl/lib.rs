//! `serctl`, the operator's tool (SER's `scripts/sc`; reference: init-scripts §7, rpc-core §8).
//!
//! | file | what |
//! |---|---|
//! | `command_line` | the options before the verb, and finding the verb |
//! | `verbs` | the table of verbs: help, man page and dispatch come from it |
//! | `variables` | what the operator sets once, in files or the environment |
//! | `address`, `client`, `value` | calls RPC methods and reads their replies |
//! | `link`, `line` | BINRPC over the sockets of module ctl; the line protocol over the FIFO and module unixsock |
//! | `failure` | why a verb failed, and with which exit code |
//! | `json` | strings of JSON |
//! | `check` | `check` and `route`, which read a ser.cfg |
//! | `service` | `start`, `stop` and their like |
//! | `top` | the live view |
//! | `ps`, `rpc`, … | a verb each |
//!
//! It talks to the server by RPC alone, so it works over the network as well as on the same machine.

mod address;
mod check;
mod children;
mod client;
mod command_line;
mod failure;
mod fifo;
mod json;
mod line;
mod link;
mod live;
mod missing;
mod monitor;
mod ps;
mod request;
mod rpc;
mod service;
mod stats;
mod top;
mod usrloc;
mod value;
pub mod variables;
pub mod verbs;

pub use address::Address;
pub use client::Client;
pub use failure::Failure;
pub use value::Value;

use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::ExitCode;
use variables::Variables;

/// What every verb gets: where the server is, and what the operator has set.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Where `-s` says that the server is.
    server: Option<Address>,
    variables: Variables,
}

impl Tool {
    /// A connection to the server: where `-s` says, else the variable `SER_CTL`, else module ctl's own place, and
    /// where nobody listens there, the FIFO.
    pub fn connect(&self) -> Result<Client, Failure> {
        let replies = self.reply_dir();
        if let Some(server) = &self.server {
            return Client::connect(server, replies);
        }
        if let Some(server) = self.variables.is_set("SER_CTL") {
            return Client::connect(&Address::parse(server)?, replies);
        }
        Client::connect(&Address::parse(address::DEFAULT)?, replies)
            .or_else(|why| self.connect_to_fifo().ok_or(why))
    }

    fn connect_to_fifo(&self) -> Option<Client> {
        let fifo = Path::new(self.get("SER_FIFO"));
        let about = fifo.metadata().ok()?;
        let address = Address::Fifo(fifo.to_owned());
        let is_pipe = about.file_type().is_fifo();
        is_pipe.then(|| Client::connect(&address, self.reply_dir()).ok())?
    }

    fn reply_dir(&self) -> &Path {
        Path::new(self.get("SER_FIFO_DIR"))
    }

    /// The value of a variable of [`variables::VARIABLES`].
    pub fn get(&self, name: &str) -> &str {
        self.variables.get(name)
    }
}

/// The program: reads the command line, runs the verb, and returns the exit status.
pub fn run() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let mut stdout = std::io::stdout().lock();
    let done = command_line::run(args, &mut stdout).and_then(|()| Ok(stdout.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
