//! What an operator sets once: variables from files and the environment, with the names that SER's serctl had.
//!
//! The environment wins over `~/.serctlrc`, that one over `serctlrc` beside the server's `ser.cfg`, that one over the
//! defaults. A file has a line `NAME=value` for each, as a shell would read it; nothing in it is executed or expanded.

use crate::Failure;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is where nobody sets it.
    pub default: &'static str,
    /// What it is for.
    pub text: &'static str,
}

/// Name of the file beside ser.cfg.
const FILE: &str = "serctlrc";
/// Name of the file in the operator's home.
const HOME_FILE: &str = ".serctlrc";

/// All variables.
pub const VARIABLES: &[Variable] = &[
    variable(
        "SER_CTL",
        "",
        "where the server is, as -s takes it (default: unixs:/tmp/ser_ctl, else the FIFO)",
    ),
    variable("SER_FIFO", "/tmp/ser_fifo", "the server's FIFO"),
    variable(
        "SER_FIFO_DIR",
        "/tmp",
        "where the pipes for replies of the FIFO are made: fifo_dir of ser.cfg",
    ),
    variable(
        "SER_UNIXSOCK",
        "/tmp/ser.sock",
        "the server's socket of module unixsock",
    ),
    variable(
        "SIP_DOMAIN",
        "",
        "domain of users that are named without one",
    ),
    variable("UL_TABLE", "location", "location table of \"ul\""),
    variable("ALS_TABLE", "aliases", "location table of \"alias\""),
    variable(
        "WATCH_PERIOD",
        "2",
        "seconds between two pictures of \"monitor\" and \"top\"",
    ),
    variable(
        "SERVICE",
        "ser",
        "name of the systemd unit and of the script in /etc/init.d",
    ),
    variable(
        "PID_FILE",
        "",
        "pid file; if it is set, serctl starts and stops the server itself (default: /var/run/ser.pid)",
    ),
    variable(
        "SERBIN",
        "",
        "the server's program (default: ser in the folder of serctl)",
    ),
    variable("STARTOPTIONS", "", "options of the server, as -f FILE"),
    variable(
        "SYSLOG",
        "1",
        "0: a server that serctl starts itself logs to the terminal",
    ),
];

const fn variable(name: &'static str, default: &'static str, text: &'static str) -> Variable {
    Variable {
        name,
        default,
        text,
    }
}

/// The values in force.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// Those that are set.
    set: HashMap<String, String>,
}

impl Variables {
    /// Reads files and environment. A file that cannot be understood is an error; one that is not there is none.
    pub fn read() -> Result<Variables, Failure> {
        let mut all = Variables::default();
        let beside = ser::core::cli::default_config().with_file_name(FILE);
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(HOME_FILE));
        for file in [Some(beside), home].into_iter().flatten() {
            all.read_file(&file)?;
        }
        for variable in VARIABLES {
            if let Ok(value) = std::env::var(variable.name) {
                all.set.insert(variable.name.into(), value);
            }
        }
        Ok(all)
    }

    fn read_file(&mut self, file: &Path) -> Result<(), Failure> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(why) => match why.kind() {
                // It is not there, or not meant for this user.
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => {
                    return Ok(());
                }
                _ => return Err(Failure::Other(format!("{}: {why}", file.display()))),
            },
        };
        for (i, line) in text.lines().enumerate() {
            let read = assignment(line)
                .map_err(|why| Failure::Other(format!("{}:{}: {why}", file.display(), i + 1)))?;
            if let Some((name, value)) = read {
                self.set.insert(name.into(), value);
            }
        }
        Ok(())
    }

    /// The value of a variable that [`VARIABLES`] has.
    pub fn get(&self, name: &str) -> &str {
        let default = || VARIABLES.iter().find(|v| v.name == name);
        let set = self.is_set(name);
        set.unwrap_or_else(|| default().map_or("", |v| v.default))
    }

    /// Its value if somebody set it to something.
    pub fn is_set(&self, name: &str) -> Option<&str> {
        let set = self.set.get(name).map(String::as_str);
        set.filter(|value| !value.is_empty())
    }
}

/// `[export] NAME=value [# …]`, or nothing.
fn assignment(line: &str) -> Result<Option<(&str, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=').ok_or("NAME=value is expected")?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(format!("\"{name}\" is no name"));
    }
    Ok(Some((name, word(value)?)))
}

/// The first word of a shell's line, without its quotes.
fn word(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('\\', None | Some('"')) => out.extend(chars.next()),
            ('$' | '`', None | Some('"')) => {
                return Err("values are taken as they are: nothing is expanded".into());
            }
            (' ' | '\t', None) => break,
            (c, _) => out.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    let rest = chars.as_str().trim();
    match rest.is_empty() || rest.starts_with('#') {
        true => Ok(out),
        false => Err(format!("quotes are missing: \"{rest}\" would be a command")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_shell_reads_it() {
        for (line, name, value) in [
            ("SIP_DOMAIN=example.org", "SIP_DOMAIN", "example.org"),
            (" export A='b c' # why", "A", "b c"),
            ("A=\"b \\\"c\\\"\"d", "A", "b \"c\"d"),
            ("STARTOPTIONS= # for example -dddd", "STARTOPTIONS", ""),
            ("A=a#b", "A", "a#b"),
            ("A='$x'", "A", "$x"),
        ] {
            assert_eq!(assignment(line), Ok(Some((name, value.into()))), "{line}");
        }
        for line in ["", "  ", "# SIP_DOMAIN=x"] {
            assert_eq!(assignment(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_a_shell_would_execute_is_refused() {
        for line in [
            "A=$B", "A=`b`", "A=\"$B\"", "A=b c", "A='b", "=b", "A B", "if x=1",
        ] {
            assert!(assignment(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_variable_stands_once() {
        let mut names: Vec<_> = VARIABLES.iter().map(|v| v.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), VARIABLES.len());
    }
}
