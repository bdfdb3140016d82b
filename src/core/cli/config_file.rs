//! Opens the config file, and shows the operator what is wrong with it.

use super::passes::Early;
use super::start::Failed;
use crate::core::config::{self, Loaded, Modules, Severity, SourceFile};
use crate::core::log as ser_log;
use std::io::{IsTerminal, Write};

/// Reads the file that `-f` names. All findings are on stderr when this returns.
pub(super) fn read(early: &Early) -> Result<Loaded, Failed> {
    let name = early.config.display();
    let bytes = std::fs::read(&early.config)
        .map_err(|why| format!("ERROR: loading config file({name}): {why}"))?;
    let source = SourceFile {
        name: name.to_string(),
        bytes,
    };
    let modules = if early.check {
        Modules::Check
    } else {
        Modules::Run
    };
    let loaded = config::load(&source, modules);
    report(&loaded, &source, early.log_stderr);
    match loaded.found.errors() {
        0 => Ok(loaded),
        n => Err(Failed(format!("ERROR: bad config file ({n} errors)"))),
    }
}

fn report(loaded: &Loaded, source: &SourceFile, log_stderr: bool) {
    let mut stderr = std::io::stderr();
    let text = loaded.found.render(source, stderr.is_terminal());
    // Without a stderr the log has it all the same.
    let _ = stderr.write_all(text.as_bytes());
    if !log_stderr {
        for found in loaded.found.sorted() {
            let (line, column) = source.position(found.span.start);
            let place = format_args!("{}:{line}:{column}: {}", source.name, found.message);
            match found.severity {
                Severity::Error => crate::crit!("{place}"),
                Severity::Warning => log::warn!("{place}"),
            }
        }
    }
    if loaded.found.warnings() > 0 {
        ser_log::print_stderr(format_args!("{} config warnings", loaded.found.warnings()));
    }
}
