//! getopt(3) as SER calls it: one-letter options, no long ones, words that are no option are passed over.
//!
//! Invariant: each call to [`scan`] yields the same options in the order of the command line, so that
//! the three passes see the same things.

use super::options;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One option of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Opt {
    /// A letter without argument.
    Flag(u8),
    /// A letter with its argument.
    Value(u8, OsString),
    /// A letter that is none of ours, or one whose argument is missing.
    Unknown(u8),
}

fn takes_value(letter: u8) -> Option<bool> {
    options::find(letter).map(|option| option.argument.is_some())
}

/// All options of `args` (without the program's name).
pub(super) fn scan(args: &[OsString]) -> Vec<Opt> {
    let mut found = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => break,
            [b'-', letters @ ..] if !letters.is_empty() => {
                scan_word(letters, &mut words, &mut found);
            }
            _ => continue,
        }
    }
    found
}

/// The letters of one word; the last of them may take the next word.
fn scan_word<'a>(
    mut letters: &[u8],
    words: &mut impl Iterator<Item = &'a OsString>,
    found: &mut Vec<Opt>,
) {
    while let [letter, rest @ ..] = letters {
        found.push(match takes_value(*letter) {
            None => Opt::Unknown(*letter),
            Some(false) => Opt::Flag(*letter),
            Some(true) if !rest.is_empty() => {
                found.push(Opt::Value(*letter, OsString::from_vec(rest.to_vec())));
                return;
            }
            Some(true) => match words.next() {
                Some(value) => Opt::Value(*letter, value.clone()),
                None => Opt::Unknown(*letter),
            },
        });
        letters = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Vec<Opt> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        scan(&words)
    }

    fn value(letter: u8, text: &str) -> Opt {
        Opt::Value(letter, text.into())
    }

    #[test]
    fn letters_may_stand_together_and_the_last_may_take_an_argument() {
        assert_eq!(
            options("-DDEf ser.cfg"),
            [
                Opt::Flag(b'D'),
                Opt::Flag(b'D'),
                Opt::Flag(b'E'),
                value(b'f', "ser.cfg")
            ]
        );
        assert_eq!(options("-fser.cfg"), [value(b'f', "ser.cfg")]);
    }

    #[test]
    fn words_that_are_no_option_are_passed_over() {
        assert_eq!(options("start - -D now"), [Opt::Flag(b'D')]);
        assert_eq!(options("-D -- -E"), [Opt::Flag(b'D')]);
    }

    #[test]
    fn an_unknown_letter_and_a_missing_argument_look_the_same() {
        assert_eq!(options("-s"), [Opt::Unknown(b's')]);
        assert_eq!(options("-f"), [Opt::Unknown(b'f')]);
        assert_eq!(options("-:"), [Opt::Unknown(b':')]);
    }

    #[test]
    fn an_argument_may_look_like_an_option() {
        assert_eq!(options("-f -h"), [value(b'f', "-h")]);
    }
}
