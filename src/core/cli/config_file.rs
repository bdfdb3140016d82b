//! Finds and opens the config file, and shows the operator what is wrong with it.

use super::passes::Early;
use super::start::Failed;
use crate::core::config::{self, Loaded, Modules, Severity, SourceFile};
use crate::core::log as ser_log;
use md5::{Digest, Md5};
use parking_lot::Mutex;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Where SER looks, and a program that is not installed.
const SERS_PATH: &str = "/usr/local/etc/ser/ser.cfg";

/// The file that is read without `-f`: `PREFIX/etc/ser/ser.cfg` of a program `PREFIX/sbin/ser`.
pub(super) fn default_path() -> PathBuf {
    std::env::current_exe().map_or_else(|_| SERS_PATH.into(), |exe| beside(&exe))
}

/// What is installed under `/usr` has its configuration in `/etc` (FHS 3.0 §4.2).
fn beside(exe: &Path) -> PathBuf {
    match exe.parent().filter(|folder| folder.ends_with("sbin")) {
        Some(folder) if folder == Path::new("/usr/sbin") => "/etc/ser/ser.cfg".into(),
        Some(folder) => folder.with_file_name("etc").join("ser/ser.cfg"),
        None => SERS_PATH.into(),
    }
}

/// What was found in the file that was read last, for those who do not see stderr.
static FOUND: Mutex<String> = Mutex::new(String::new());

/// The findings in the file that was read last, as they were shown.
pub(super) fn findings() -> String {
    FOUND.lock().clone()
}

/// The bytes of the file at `path`, which messages call `name`.
pub(super) fn open(path: &Path, name: &Path) -> Result<SourceFile, String> {
    let name = name.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => Ok(SourceFile { name, bytes }),
        Err(why) => Err(format!("ERROR: loading config file({name}): {why}")),
    }
}

/// What tells one content of a file from another: its MD5 in hexadecimal digits.
pub(super) fn hash(source: &SourceFile) -> String {
    format!("{:x}", Md5::digest(&source.bytes))
}

/// Reads the file that `-f` names, and tells its hash. All findings are on stderr when this returns.
pub(super) fn read(early: &Early) -> Result<(Loaded, String), Failed> {
    let source = open(&early.config, &early.config)?;
    let modules = if early.check {
        Modules::Check
    } else {
        Modules::Run
    };
    let loaded = config::load(&source, modules);
    report(&loaded, &source, early.log_stderr);
    match loaded.found.errors() {
        0 => Ok((loaded, hash(&source))),
        n => Err(Failed(format!("ERROR: bad config file ({n} errors)"))),
    }
}

fn report(loaded: &Loaded, source: &SourceFile, log_stderr: bool) {
    let mut stderr = std::io::stderr();
    let text = loaded.found.render(source, stderr.is_terminal());
    FOUND.lock().clone_from(&loaded.found.render(source, false));
    // Without a stderr the log has it all the same.
    let _ = stderr.write_all(text.as_bytes());
    if !log_stderr {
        log_findings(loaded, source);
    }
    if loaded.found.warnings() > 0 {
        ser_log::print_stderr(format_args!("{} config warnings", loaded.found.warnings()));
    }
}

/// A line of the log for each finding.
pub(super) fn log_findings(loaded: &Loaded, source: &SourceFile) {
    for found in loaded.found.sorted() {
        let (line, column) = source.position(found.span.start);
        let place = format_args!("{}:{line}:{column}: {}", source.name, found.message);
        match found.severity {
            Severity::Error => crate::crit!("{place}"),
            Severity::Warning => log::warn!("{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_program_has_its_config_under_its_own_prefix() {
        let of = |exe: &str| beside(Path::new(exe));
        assert_eq!(of("/usr/local/sbin/ser"), Path::new(SERS_PATH));
        assert_eq!(
            of("/opt/ser/sbin/ser"),
            Path::new("/opt/ser/etc/ser/ser.cfg")
        );
        assert_eq!(of("/usr/sbin/ser"), Path::new("/etc/ser/ser.cfg"));
        assert_eq!(of("/sbin/ser"), Path::new("/etc/ser/ser.cfg"));
    }

    #[test]
    fn a_program_in_a_build_tree_looks_where_ser_does() {
        assert_eq!(
            beside(Path::new("/src/target/debug/ser")),
            Path::new(SERS_PATH)
        );
    }
}
