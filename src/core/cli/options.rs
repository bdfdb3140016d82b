//! The table of options: what the command line is read with, `-h` shows, and ser(8) is made of.

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct CliOption {
    /// Its letter.
    pub letter: char,
    /// What its argument is; `None`: it takes none.
    pub argument: Option<&'static str>,
    /// What it does; line breaks are those of `-h`. `{config}` is the file that is read without `-f`.
    pub text: &'static str,
}

const fn flag(letter: char, text: &'static str) -> CliOption {
    CliOption {
        letter,
        argument: None,
        text,
    }
}

const fn value(letter: char, argument: &'static str, text: &'static str) -> CliOption {
    CliOption {
        letter,
        argument: Some(argument),
        text,
    }
}

/// SER's options, in the order of `-h`.
pub static OPTIONS: [CliOption; 23] = [
    value('f', "file", "configuration file (default {config})"),
    flag('c', "check the configuration file for errors, then exit"),
    value(
        'l',
        "address",
        "listen on the address, an interface's name works as well;\n\
         [proto:]addr[:port], proto one of udp, tcp, tls;\n\
         may be given several times, adds to what the file says\n\
         (default: all interfaces)",
    ),
    value(
        'n',
        "processes",
        "number of receivers for each UDP socket (default 8)",
    ),
    flag(
        'r',
        "use dns to decide whether a \"received=\" is added to a via",
    ),
    flag('R', "same as -r but use reverse dns"),
    flag('v', "refuse replies whose top via host is not ours"),
    flag('d', "debug level, each one adds 1 and overrides the file"),
    flag(
        'D',
        "do not fork: one receiver in the foreground;\n\
         twice: fork, but stay in the foreground;\n\
         three times: daemon, whatever the file says",
    ),
    flag('E', "log to stderr"),
    flag('T', "disable tcp"),
    value(
        'N',
        "processes",
        "number of tcp receivers (default: as for udp)",
    ),
    value('W', "method", "poll method"),
    flag('V', "version"),
    flag('h', "this help"),
    value(
        'b',
        "bytes",
        "largest receive buffer that is asked for (default 262144)",
    ),
    value(
        'm',
        "megabytes",
        "limit of shared memory (default: half of the machine's)",
    ),
    value('w', "dir", "working directory (default /)"),
    value('t', "dir", "chroot to the directory"),
    value('u', "uid", "user to become"),
    value('g', "gid", "group to become"),
    value('P', "file", "pid file"),
    value('G', "file", "process group file"),
];

/// The option of that letter.
pub(super) fn find(letter: u8) -> Option<&'static CliOption> {
    OPTIONS.iter().find(|o| o.letter == char::from(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// As getopt(3) writes them.
    #[test]
    fn the_options_are_those_of_ser() {
        let sers = "f:cm:dVhEb:l:n:vrRDTN:W:w:t:u:g:P:G:";
        let ours = OPTIONS.iter().map(|o| (o.letter, o.argument.is_some()));
        let ours: BTreeSet<_> = ours.collect();
        assert_eq!(ours.len(), OPTIONS.len());
        let mut rest = sers.chars().peekable();
        let mut wanted = BTreeSet::new();
        while let Some(letter) = rest.next() {
            wanted.insert((letter, rest.next_if_eq(&':').is_some()));
        }
        assert_eq!(ours, wanted);
    }
}
