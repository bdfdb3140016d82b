//! The command line and the life of the server from its first to its last line.
//!
//! | file | what |
//! |---|---|
//! | `options` | the table of options |
//! | `getopt`, `passes`, `overrides` | the command line, in SER's three passes |
//! | `texts` | `-h`, `-V` |
//! | `config_file` | finds and reads ser.cfg and shows what is wrong with it |
//! | `effective` | what file and command line come to together |
//! | `live_config` | another config file while the server runs |
//! | `fork_mode` | `-D` and `fork=` |
//! | `start` | the start order, and what is undone when a step fails |
//! | `succession` | the same for a program that takes the place of another |
//!
//! Exit codes: 0 for `-h`, `-V`, a good `-c`, a stop that was asked for, and the launcher of a daemon that
//! runs; 255 for everything that failed.

mod config_file;
mod effective;
mod fork_mode;
mod getopt;
mod live_config;
mod options;
mod overrides;
mod passes;
mod start;
mod succession;
mod texts;

pub use options::{CliOption, OPTIONS};

use crate::core::config::Target;
use crate::core::log as ser_log;
use crate::core::process::daemonize::Inherited;
use crate::core::process::{Invocation, install_panic_hook, notify, title};
use passes::Outcome;
use start::Origin;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// The file that the server reads without `-f`.
pub fn default_config() -> std::path::PathBuf {
    config_file::default_path()
}

/// What the server would say about the `listen` and `alias` of a file at its start, where names are looked up.
pub fn check_addresses(target: Target) -> Result<(), String> {
    start::check_addresses(target)
}

/// Exit status of everything that failed (SER returns -1 from `main`).
const FAILED: u8 = 255;

/// The program: reads the command line, does what it says, and returns the exit status.
pub fn run() -> ExitCode {
    let inherited = Inherited::find();
    let invocation = Invocation::note();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    title::prepare();
    ser_log::init();
    install_panic_hook();
    let options = getopt::scan(&args);
    match passes::early(&options) {
        Outcome::Help => print(&texts::help()),
        Outcome::Version => print(&texts::version()),
        Outcome::Wrong(text) => fail(&text),
        Outcome::Go(early) => match start::serve(
            early,
            &options,
            Origin {
                inherited,
                invocation,
            },
        ) {
            Ok(()) => ExitCode::SUCCESS,
            Err(start::Failed(text)) => fail(&text),
        },
    }
}

/// Writes to stdout; a closed pipe is no reason to panic.
fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}

fn fail(text: &str) -> ExitCode {
    if !text.is_empty() {
        ser_log::fatal(format_args!("{text}"));
        notify::failed(text);
    }
    ExitCode::from(FAILED)
}
