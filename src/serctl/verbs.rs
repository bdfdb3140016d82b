//! The table of verbs. `serctl help` and the man page are made of it, and a verb runs from it.

use crate::{Failure, Tool, check, ps, rpc};
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
    Control,
    Config,
    This,
}

/// The headings in their order.
pub const SECTIONS: &[(Section, &str)] = &[
    (Section::Control, "control and diagnostics"),
    (Section::Config, "the config file"),
    (Section::This, "about serctl"),
];

/// All verbs, in the order in which help shows them.
pub const VERBS: &[Verb] = &[
    Verb {
        name: "ps",
        aliases: &[],
        args: "",
        section: Section::Control,
        text: "show the running processes",
        run: ps::run,
    },
    Verb {
        name: "rpc",
        aliases: &[],
        args: "<method> [<parameter>...]",
        section: Section::Control,
        text: "call an RPC method",
        run: rpc::run,
    },
    Verb {
        name: "check",
        aliases: &[],
        args: "[--json] [<file>|-]",
        section: Section::Config,
        text: "show all that is wrong with a ser.cfg",
        run: check::check,
    },
    Verb {
        name: "route",
        aliases: &[],
        args: "[<file>|-]",
        section: Section::Config,
        text: "show the program that a ser.cfg comes to",
        run: check::route,
    },
    Verb {
        name: "help",
        aliases: &["usage"],
        args: "[<verb>]",
        section: Section::This,
        text: "show this list, or one verb",
        run: help,
    },
    Verb {
        name: "version",
        aliases: &[],
        args: "",
        section: Section::This,
        text: "show the version of serctl",
        run: version,
    },
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
    fn every_section_has_a_heading() {
        for verb in VERBS {
            assert!(SECTIONS.iter().any(|(s, _)| *s == verb.section));
        }
    }
}
