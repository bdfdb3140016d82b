//! `loadgen`: drives a SIP server over UDP (RFC 3261 §18) and measures it, and is the bare echo that the server
//! is compared with.
//!
//! `options`, `register` and `forward` send requests, `call` and `ring` play whole calls, in a closed loop (`--window`) or at a fixed rate (`--rate`),
//! check every answer, and print one line of JSON; nothing is sent again, what is not answered in time counts as
//! lost. `echo` and `relay` move the same datagrams without looking at them: no server can cost less.
//! Invariant: one process, one thread, and no allocation while the load runs except by the system-call wrappers.

mod answer;
mod args;
mod batch;
mod call;
mod callee;
mod caller;
mod counts;
mod ends;
mod flights;
mod floor;
mod histogram;
mod pace;
mod request;
mod requests;
mod run;

use args::Task;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = args::parse(std::env::args_os()).and_then(|task| match task {
        Task::Help => {
            print!("{}", args::HELP);
            Ok(true)
        }
        Task::Floor(floor) => floor::serve(&floor).map(|()| true),
        Task::Load(load) => run::run(&load).map(|report| {
            println!("{}", report.to_json());
            report.is_clean()
        }),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(why) => {
            eprintln!("loadgen: {why}");
            ExitCode::FAILURE
        }
    }
}
