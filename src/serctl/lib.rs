//! `serctl`, the operator's tool (SER's `scripts/sc`; reference: init-scripts §7, rpc-core §8).
//!
//! | file | what |
//! |---|---|
//! | `command_line` | the options before the verb, and finding the verb |
//! | `verbs` | the table of verbs: help, man page and dispatch come from it |
//! | `address`, `client`, `value` | calls RPC methods over a socket of module ctl |
//! | `failure` | why a verb failed, and with which exit code |
//! | `json` | strings of JSON |
//! | `check` | `check` and `route`, which read a ser.cfg |
//! | `ps`, `rpc`, … | a verb each |
//!
//! It talks to the server by RPC alone, so it works over the network as well as on the same machine.

mod address;
mod check;
mod client;
mod command_line;
mod failure;
mod json;
mod ps;
mod rpc;
mod value;
pub mod verbs;

pub use address::Address;
pub use client::Client;
pub use failure::Failure;
pub use value::Value;

use std::io::Write;
use std::process::ExitCode;

/// What every verb gets: where the server is. Filled from the options before the verb.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Where module ctl listens.
    pub server: Address,
}

impl Tool {
    /// A connection to the server.
    pub fn connect(&self) -> Result<Client, Failure> {
        Client::connect(&self.server)
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
