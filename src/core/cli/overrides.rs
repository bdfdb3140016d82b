//! The third pass over the command line: what overrides or adds to the config file.

use super::getopt::Opt;
use super::passes::{bad, number};
use crate::core::config::{FOREIGN_POLL_METHODS, POLL_METHODS};
use crate::core::net::SocketId;
use crate::core::settings::Settings;
use std::ffi::OsString;
use std::path::PathBuf;

/// SER's number of receivers where the number given makes no sense.
const CHILDREN: u32 = 8;

/// What the third pass yields beside the settings that it changes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Overrides {
    /// `-l`, in order.
    pub listen: Vec<SocketId>,
    /// How often `-D` was given.
    pub dont_fork: u32,
    /// `-P`
    pub pid_file: Option<PathBuf>,
    /// `-G`
    pub pgid_file: Option<PathBuf>,
}

/// Applies the options of the third pass to `settings`. The error is a text for stderr.
pub(super) fn apply(options: &[Opt], settings: &mut Settings) -> Result<Overrides, String> {
    let mut more = Overrides::default();
    for option in options {
        match option {
            Opt::Flag(letter) => apply_flag(*letter, settings, &mut more),
            Opt::Value(letter, value) => apply_value(*letter, value, settings, &mut more)?,
            // The first pass has refused these.
            Opt::Unknown(_) => {}
        }
    }
    Ok(more)
}

fn apply_flag(letter: u8, settings: &mut Settings, more: &mut Overrides) {
    match letter {
        b'E' => settings.log_stderror = true,
        b'v' => settings.check_via = true,
        b'r' => settings.received_dns |= 1,
        b'R' => settings.received_dns |= 2,
        b'D' => more.dont_fork += 1,
        b'T' => settings.disable_tcp = true,
        // c, d, V and h belong to the earlier passes.
        _ => {}
    }
}

fn apply_value(
    letter: u8,
    value: &OsString,
    settings: &mut Settings,
    more: &mut Overrides,
) -> Result<(), String> {
    let text = || value.to_string_lossy().into_owned();
    match letter {
        b'b' => settings.maxbuffer = buffer_size(value)?,
        b'l' => more.listen.push(listen_address(&text())?),
        b'n' => {
            settings.children = processes(value, 'n')?.unwrap_or(CHILDREN);
            settings.children_auto = None;
        }
        b'N' => {
            let n = processes(value, 'N')?.unwrap_or(0);
            settings.store("tcp_children", n.to_string());
        }
        b'W' => settings.store("tcp_poll_method", poll_method(&text())?),
        b'w' => settings.workdir = Some(text()),
        b't' => settings.chroot = Some(text()),
        b'u' => settings.user = Some(text()),
        b'g' => settings.group = Some(text()),
        b'P' => more.pid_file = Some(value.into()),
        b'G' => more.pgid_file = Some(value.into()),
        // f and m belong to the first pass.
        _ => {}
    }
    Ok(())
}

/// SER's message names another letter, and scripts may know it.
fn buffer_size(value: &OsString) -> Result<u32, String> {
    number(value)
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| bad("bad max buffer size number: -p", value))
}

fn listen_address(text: &str) -> Result<SocketId, String> {
    SocketId::parse(text).map_err(|why| format!("bad -l address specifier: {text}: {why}"))
}

/// `None`: zero or less, which means the default.
fn processes(value: &OsString, letter: char) -> Result<Option<u32>, String> {
    let n = number(value).ok_or_else(|| bad(&format!("bad process number: -{letter}"), value))?;
    Ok(u32::try_from(n).ok().filter(|&n| n > 0))
}

fn poll_method(name: &str) -> Result<String, String> {
    let lower = name.to_ascii_lowercase();
    if FOREIGN_POLL_METHODS.contains(&lower.as_str()) {
        log::error!("poll method {lower} is not supported on this system, using the default");
        return Ok("epoll_lt".into());
    }
    if POLL_METHODS.contains(&lower.as_str()) {
        return Ok(lower);
    }
    Err(format!(
        "bad poll method name: -W {name}\ntry one of {}.",
        POLL_METHODS.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cli::getopt::scan;

    fn run(line: &str) -> (Settings, Result<Overrides, String>) {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let mut settings = Settings::default();
        let result = apply(&scan(&words), &mut settings);
        (settings, result)
    }

    fn refused(line: &str) -> String {
        run(line).1.expect_err(line)
    }

    #[test]
    fn values_override_the_file() {
        let (settings, more) = run("-E -b 1000 -n 3 -v -r -R -T -w /tmp -t /srv -u ser -g sip");
        assert!(settings.log_stderror && settings.check_via && settings.disable_tcp);
        assert_eq!((settings.maxbuffer, settings.children), (1000, 3));
        assert_eq!(settings.received_dns, 3);
        assert_eq!(settings.workdir.as_deref(), Some("/tmp"));
        assert_eq!(settings.chroot.as_deref(), Some("/srv"));
        assert_eq!(settings.user.as_deref(), Some("ser"));
        assert_eq!(settings.group.as_deref(), Some("sip"));
        assert_eq!(more, Ok(Overrides::default()));
    }

    #[test]
    fn a_number_of_processes_that_makes_no_sense_becomes_the_default() {
        assert_eq!(run("-n 0").0.children, 8);
        assert_eq!(run("-n -5").0.children, 8);
        let as_many_as_for_udp = ("tcp_children".to_string(), "0".to_string());
        assert_eq!(run("-N -1").0.stored, [as_many_as_for_udp]);
    }

    #[test]
    fn addresses_are_collected_and_files_remembered() {
        let more = run("-l 127.0.0.1 -l udp:127.0.0.2:5070 -P a -G b -D -D")
            .1
            .unwrap();
        assert_eq!(more.listen.len(), 2);
        assert_eq!(more.dont_fork, 2);
        assert_eq!(more.pid_file, Some("a".into()));
        assert_eq!(more.pgid_file, Some("b".into()));
    }

    #[test]
    fn what_is_wrong_is_said_in_sers_words() {
        assert_eq!(refused("-n x"), "bad process number: -n x");
        assert_eq!(refused("-N 1x"), "bad process number: -N 1x");
        assert_eq!(refused("-b x"), "bad max buffer size number: -p x");
        assert_eq!(
            refused("-l 1:2:3:4"),
            "bad -l address specifier: 1:2:3:4: too many colons"
        );
        assert_eq!(
            refused("-W bogus"),
            "bad poll method name: -W bogus\ntry one of poll, epoll_lt, epoll_et, sigio_rt, select."
        );
    }

    #[test]
    fn poll_methods_are_known_in_any_case() {
        let stored = run("-W Epoll_LT").0.stored;
        assert_eq!(
            stored,
            [("tcp_poll_method".to_string(), "epoll_lt".to_string())]
        );
        assert!(run("-W kqueue").1.is_ok());
    }
}
