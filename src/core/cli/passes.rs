//! The first two passes over the command line: is it a call for help, and what is needed before the
//! config file is opened. The third, which overrides the file, is in [`super::overrides`].

use super::getopt::Opt;
use super::options;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What is known before the config file is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Early {
    /// `-f`
    pub config: PathBuf,
    /// `-c`
    pub check: bool,
    /// `-m`, in MiB.
    pub shm_megabytes: Option<i64>,
    /// How often `-d` was given.
    pub debug: u32,
    /// `-E` (or `-c`, which wants to be read).
    pub log_stderr: bool,
}

/// How the early passes end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// On with the config file.
    Go(Early),
    /// `-h`
    Help,
    /// `-V`
    Version,
    /// A text for stderr.
    Wrong(String),
}

/// Pass 0 (help, also where it stands as the argument of another option) and pass 1.
pub(super) fn early(options: &[Opt]) -> Outcome {
    let help = |opt: &Opt| match opt {
        Opt::Flag(letter) => *letter == b'h',
        Opt::Value(_, value) => value == "-h",
        Opt::Unknown(_) => false,
    };
    if options.iter().any(help) {
        return Outcome::Help;
    }
    pass_one(options)
}

fn pass_one(options: &[Opt]) -> Outcome {
    let mut early = Early {
        config: super::config_file::default_path(),
        check: false,
        shm_megabytes: None,
        debug: 0,
        log_stderr: false,
    };
    for option in options {
        match option {
            Opt::Unknown(letter) => return Outcome::Wrong(unknown(*letter)),
            Opt::Flag(b'V') => return Outcome::Version,
            Opt::Flag(b'c') => {
                early.check = true;
                early.log_stderr = true;
            }
            Opt::Flag(b'd') => early.debug += 1,
            Opt::Flag(b'E') => early.log_stderr = true,
            Opt::Value(b'f', file) => early.config = file.into(),
            Opt::Value(b'm', size) => match number(size) {
                Some(size) => early.shm_megabytes = Some(size),
                None => return Outcome::Wrong(bad("bad shmem size number: -m", size)),
            },
            // The rest belongs to the third pass.
            Opt::Flag(letter) | Opt::Value(letter, _) => {
                debug_assert!(options::find(*letter).is_some());
            }
        }
    }
    Outcome::Go(early)
}

/// SER's text for a letter that it does not know.
fn unknown(letter: u8) -> String {
    if letter.is_ascii_graphic() || letter == b' ' {
        format!("Unknown option `-{}. Use -h for help.", letter as char)
    } else {
        format!("Unknown option character `\\x{letter:x}. Use -h for help.")
    }
}

/// `text ARGUMENT`.
pub(super) fn bad(text: &str, argument: &OsString) -> String {
    format!("{text} {}", argument.to_string_lossy())
}

/// A decimal number as strtol takes it: blanks and a sign before it, nothing behind it; empty is 0.
pub(super) fn number(text: &OsString) -> Option<i64> {
    let text = std::str::from_utf8(text.as_bytes()).ok()?;
    let digits = text.trim_start_matches(|c: char| c.is_ascii_whitespace());
    if text.is_empty() {
        return Some(0);
    }
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cli::getopt::scan;

    fn run(line: &str) -> Outcome {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        early(&scan(&words))
    }

    fn go(line: &str) -> Early {
        match run(line) {
            Outcome::Go(early) => early,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn help_wins_wherever_it_stands_even_behind_an_unknown_option() {
        assert_eq!(run("-s -h"), Outcome::Help);
        assert_eq!(run("-f -h"), Outcome::Help);
        assert_eq!(run("--help"), Outcome::Help);
    }

    #[test]
    fn the_version_is_printed_unless_a_mistake_comes_first() {
        assert_eq!(run("-D -V -s"), Outcome::Version);
        let wrong = "Unknown option `-s. Use -h for help.".to_string();
        assert_eq!(run("-s -V"), Outcome::Wrong(wrong));
    }

    #[test]
    fn a_missing_argument_is_called_an_unknown_option() {
        let wrong = "Unknown option `-f. Use -h for help.".to_string();
        assert_eq!(run("-f"), Outcome::Wrong(wrong));
    }

    #[test]
    fn an_unprintable_letter_is_shown_in_hex() {
        assert_eq!(
            unknown(7),
            "Unknown option character `\\x7. Use -h for help."
        );
    }

    #[test]
    fn the_last_file_wins_and_a_check_logs_to_stderr() {
        let early = go("-f a -c -d -d -f b");
        assert_eq!(early.config, PathBuf::from("b"));
        assert!(early.check && early.log_stderr);
        assert_eq!(early.debug, 2);
        assert_eq!(go("").config, PathBuf::from("/usr/local/etc/ser/ser.cfg"));
    }

    #[test]
    fn the_size_of_shared_memory_is_a_whole_number() {
        assert_eq!(go("-m 64").shm_megabytes, Some(64));
        let wrong = "bad shmem size number: -m 64k".to_string();
        assert_eq!(run("-m 64k"), Outcome::Wrong(wrong));
    }

    #[test]
    fn numbers_are_those_of_strtol() {
        let n = |text: &str| number(&text.into());
        assert_eq!(n(" 12"), Some(12));
        assert_eq!(n("-3"), Some(-3));
        assert_eq!(n("+3"), Some(3));
        assert_eq!(n(""), Some(0));
        assert_eq!(n("3x"), None);
        assert_eq!(n("--3"), None);
        assert_eq!(n("99999999999999999999"), None);
    }
}
