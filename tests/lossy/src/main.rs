//! `lossy`: a UDP relay that treats datagrams as a bad network does. It stands between phones and a server, or on
//! both sides of a server, and drops, duplicates and reorders by given percentages in both directions.
//!
//! It prints two lines of JSON: at the start the addresses that it listens on, at the end what it did to how many
//! datagrams. The same seed brings the same decisions for the same sequence of datagrams in a direction.
//! Invariant: it ends by itself after `--seconds`, and no datagram goes uncounted: sent + unsent + waiting = received -
//! dropped + duplicated.

mod args;
mod client;
mod dice;
mod held;
mod link;
mod relay;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let done = args::parse(std::env::args_os()).and_then(|plan| match plan {
        Some(plan) => relay::run(&plan),
        None => {
            print!("{}", args::HELP);
            Ok(())
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("lossy: {why}");
            ExitCode::FAILURE
        }
    }
}
