//! The table of verbs. `serctl help` and the man page are made of it, and a verb runs from it.

use crate::{
    Failure, Tool, check, children, fifo, live, missing, monitor, ps, request, rpc, service, stats,
    top, usrloc,
};
use std::io::Write;

/// Where help is.
pub(crate) const HINT: &str = "\"serctl help\" lists the verbs";

/// What runs: the tool, the words after the verb, and where to write to.
pub type Run = fn(&Tool, &[String], &mut dyn Write) -> Result<(), Failure>;

/// One verb.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// One word or two, `ul show`.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// Its arguments as help shows them: `[what may be left out]`.
    pub args: &'static str,
    /// Under which heading of [`SECTIONS`] it stands.
    pub section: Section,
    /// What it does, one line.
    pub text: &'static str,
    /// The function.
    pub run: Run,
}

/// A heading of the help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Section {
    Server,
    Sight,
    Usrloc,
    Config,
    Remote,
    Database,
    This,
}

/// The headings in their order.
pub const SECTIONS: &[(Section, &str)] = &[
    (Section::Server, "the server"),
    (Section::Sight, "what it does"),
    (Section::Usrloc, "usrloc"),
    (Section::Config, "the config file"),
    (Section::Remote, "remote control"),
    (Section::Database, "not in this version"),
    (Section::This, "about serctl"),
];

const fn verb(
    section: Section,
    name: &'static str,
    args: &'static str,
    text: &'static str,
    run: Run,
) -> Verb {
    Verb {
        name,
        aliases: &[],
        args,
        section,
        text,
        run,
    }
}

impl Verb {
    const fn or(mut self, aliases: &'static [&'static str]) -> Verb {
        self.aliases = aliases;
        self
    }
}

/// All verbs, in the order in which help shows them.
#[rustfmt::skip]
pub const VERBS: &[Verb] = &[
    verb(Section::Server, "start", "", "start ser", service::start),
    verb(Section::Server, "stop", "", "stop ser", service::stop),
    verb(Section::Server, "restart", "", "stop and start ser", service::restart),
    verb(Section::Server, "status", "", "say whether ser runs", service::status),
    verb(Section::Server, "reload", "", "have ser read its config anew", live::reload),
    verb(Section::Server, "rollback", "", "go back to the config before", live::rollback),
    verb(Section::Server, "generation", "", "show which config is in force", live::generation),
    verb(Section::Server, "upgrade", "", "let a new version take over, with all calls", live::upgrade),
    verb(Section::Server, "replace", "<slot>|<pid>", "have a process replaced by another", live::replace),
    verb(Section::Server, "quarantine", "[clear [<fingerprint>]]", "show the messages that processes died of, or let them out", live::quarantine),
    verb(Section::Server, "shm_check", "", "verify everything in shared memory", live::shm_check),

    verb(Section::Sight, "ps", "", "show the running processes", ps::run),
    verb(Section::Sight, "stats", "", "show the server at a glance", stats::run),
    verb(Section::Sight, "top", "[--once] [--seconds <n>] [--width <n>]", "show what each process does, live", top::run),
    verb(Section::Sight, "children", "[--seconds <n>] [--target-ms <n>] [--rate <n>] [--json] | <socket> <n>", "watch the receivers; advise how many there should be, or make it so many", children::run),
    verb(Section::Sight, "monitor", "[<times>]", "show internal status again and again", monitor::run)
        .or(&["moni", "console", "con"]),

    verb(Section::Usrloc, "ul show", "[<user>]", "show in-RAM online users", usrloc::ul_show)
        .or(&["usrloc show"]),
    verb(Section::Usrloc, "ul add", "<user> <uri> [<seconds>]", "introduce a contact, permanent without seconds", usrloc::ul_add)
        .or(&["usrloc add"]),
    verb(Section::Usrloc, "ul rm", "<user> [<uri>]", "delete a user's contacts, or one", usrloc::ul_rm)
        .or(&["usrloc rm"]),
    verb(Section::Usrloc, "alias show", "[<alias>]", "show aliases", usrloc::alias_show),
    verb(Section::Usrloc, "alias add", "<alias> <uri> [<seconds>]", "add an alias", usrloc::alias_add),
    verb(Section::Usrloc, "alias rm", "<alias> [<uri>]", "remove an alias", usrloc::alias_rm),
    verb(Section::Usrloc, "online", "", "list the users who have a contact", usrloc::online),

    verb(Section::Config, "check", "[--json] [<file>|-]", "show all that is wrong with a ser.cfg", check::check),
    verb(Section::Config, "route", "[<file>|-]", "show the program that a ser.cfg comes to", check::route),

    verb(Section::Remote, "rpc", "<method> [<parameter>...]", "call an RPC method", rpc::run),
    verb(Section::Remote, "fifo", "<command> [<parameter>...]", "send a raw FIFO command", fifo::fifo),
    verb(Section::Remote, "unixsock", "<command> [<parameter>...]", "the same to module unixsock", fifo::unixsock),
    verb(Section::Remote, "ping", "<uri>", "ping a URI (OPTIONS)", request::ping),
    verb(Section::Remote, "cisco_restart", "<uri>", "restart a Cisco phone (NOTIFY)", request::cisco_restart),

    verb(Section::Database, "add", "<user> <password> <email>", "add a new subscriber", missing::subscriber),
    verb(Section::Database, "passwd", "<user> <password>", "change a user's password", missing::subscriber),
    verb(Section::Database, "rm", "<user>", "delete a user", missing::subscriber),
    verb(Section::Database, "mail", "<user>", "send an email to a user", missing::subscriber),
    verb(Section::Database, "rpid", "add|rm|show <user> [<rpid>]", "Remote-Party-ID of a user", missing::rpid),
    verb(Section::Database, "acl", "show|grant|revoke [...]", "access control lists", missing::acl),
    verb(Section::Database, "avp", "list|add|rm [...]", "attributes of users", missing::avp),
    verb(Section::Database, "showdb", "[<user>]", "show online users flushed in DB", missing::showdb)
        .or(&["userdb"]),
    verb(Section::Database, "domain", "show|add|rm [<domain>]", "served domains", missing::domain),
    verb(Section::Database, "pa", "pres|loc <uri> <state>", "presence", missing::presence),

    verb(Section::This, "help", "[<verb>]", "show this list, or one verb", help).or(&["usage"]),
    verb(Section::This, "version", "", "show the version of serctl", version),
];

/// Runs the verb that `words` begin with.
pub(crate) fn run(tool: &Tool, words: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let Some(first) = words.first() else {
        return Err(Failure::Usage(usage(|_| true).trim_end().into()));
    };
    match find(words) {
        Some((verb, args)) => (verb.run)(tool, args, out),
        None => Err(unknown(first)),
    }
}

/// The verb at the beginning of `words`, and its arguments.
fn find(words: &[String]) -> Option<(&'static Verb, &[String])> {
    let of_two = words.get(..2).map(|two| two.join(" "));
    let of_two = of_two.and_then(|two| Some((named(&two)?, &words[2..])));
    of_two.or_else(|| Some((named(words.first()?)?, &words[1..])))
}

fn named(name: &str) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|v| v.name == name || v.aliases.contains(&name))
}

/// The first word may be a family of verbs.
fn is_of(verb: &Verb, first: &str) -> bool {
    let begins = |name: &str| name.split(' ').next() == Some(first);
    begins(verb.name) || verb.aliases.iter().any(|alias| begins(alias))
}

fn unknown(first: &str) -> Failure {
    let family = usage(|verb| is_of(verb, first));
    match family.is_empty() {
        true => Failure::Usage(format!("no verb \"{first}\"; {HINT}")),
        false => Failure::Usage(format!("usage:\n{}", family.trim_end())),
    }
}

/// How a verb is used, for a wrong call of it.
pub(crate) fn wrong_use(name: &str) -> Failure {
    let text = usage(|verb| verb.name == name);
    Failure::Usage(format!("usage:\n{}", text.trim_end()))
}

/// The lines of the verbs that are wanted, under their headings where there is more than one.
fn usage(wanted: impl Fn(&Verb) -> bool) -> String {
    let all: Vec<&Verb> = VERBS.iter().filter(|verb| wanted(verb)).collect();
    let mut text = String::new();
    for (section, heading) in SECTIONS {
        let verbs: Vec<&&Verb> = all.iter().filter(|v| v.section == *section).collect();
        if !verbs.is_empty() && all.len() == VERBS.len() {
            text.push_str(&format!("\n           * {heading} *\n"));
        }
        for verb in verbs {
            let call = format!(" {} {}", verb.name, verb.args);
            text.push_str(&format!(
                "{:.<40} {}\n",
                format!("{} ", call.trim_end()),
                verb.text
            ));
        }
    }
    text
}

fn help(_: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    if args.is_empty() {
        writeln!(out, "usage: serctl [-s <address>] <verb> [<argument>...]")?;
        return Ok(out.write_all(usage(|_| true).as_bytes())?);
    }
    match find(args) {
        Some((verb, _)) => Ok(out.write_all(usage(|v| v.name == verb.name).as_bytes())?),
        None => match usage(|verb| is_of(verb, &args[0])) {
            family if family.is_empty() => Err(unknown(&args[0])),
            family => Ok(out.write_all(family.as_bytes())?),
        },
    }
}

fn version(_: &Tool, _: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    Ok(writeln!(out, "serctl {}", env!("CARGO_PKG_VERSION"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_every_verb_has_a_text() {
        let mut names: Vec<&str> = VERBS.iter().map(|v| v.name).collect();
        names.extend(VERBS.iter().flat_map(|v| v.aliases));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(VERBS.iter().all(|v| !v.text.is_empty()));
    }

    #[test]
    fn the_manual_has_every_verb_and_every_variable() {
        let manual = include_str!("../../docs/serctl.md");
        // A word of code, maybe with arguments behind it.
        let has = |name: &str| {
            let (alone, begins) = (format!("`{name}`"), format!("`{name} "));
            manual.contains(&alone) || manual.contains(&begins)
        };
        for verb in VERBS {
            assert!(has(verb.name), "{}", verb.name);
        }
        for variable in crate::variables::VARIABLES {
            let row = format!("| `{}` |", variable.name);
            assert!(manual.contains(&row), "{row}");
        }
    }

    #[test]
    fn every_section_has_a_heading() {
        for verb in VERBS {
            assert!(SECTIONS.iter().any(|(s, _)| *s == verb.section));
        }
    }
}
