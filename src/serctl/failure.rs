//! Why a verb failed. Exit codes are those of the original: 1 for what was wrong, 2 when the server is not there.

use std::fmt;
use std::io::ErrorKind;
use std::process::ExitCode;

/// A verb failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The command line is wrong: what about it.
    Usage(String),
    /// The server answered with a fault.
    Fault {
        /// HTTP-like.
        code: i64,
        /// In words.
        reason: String,
    },
    /// The server cannot be reached, or went away.
    Unreachable(String),
    /// Anything else, in words.
    Other(String),
    /// Nobody reads the output any more, or everything was said already; the exit code.
    Silent(u8),
}

impl Failure {
    /// Anything, in words.
    pub fn other(text: impl Into<String>) -> Failure {
        Failure::Other(text.into())
    }

    /// Whether the server does not know the method that was called.
    pub fn is_unknown_method(&self) -> bool {
        matches!(self, Failure::Fault { code: 500, reason }
            if reason.to_ascii_lowercase().starts_with("command ") && reason.ends_with("not found"))
    }

    /// Tells the operator; the exit status.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Failure::Silent(_)) {
            eprintln!("{self}");
        }
        ExitCode::from(match self {
            Failure::Unreachable(_) => 2,
            Failure::Silent(code) => *code,
            Failure::Usage(_) | Failure::Fault { .. } | Failure::Other(_) => 1,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) => f.write_str(text),
            // As sercmd writes it.
            Failure::Fault { code, reason } => write!(f, "error: {code} - {reason}"),
            Failure::Unreachable(text) | Failure::Other(text) => write!(f, "error: {text}"),
            Failure::Silent(_) => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(why: std::io::Error) -> Self {
        match why.kind() {
            ErrorKind::BrokenPipe => Failure::Silent(0),
            _ => Failure::Other(why.to_string()),
        }
    }
}
