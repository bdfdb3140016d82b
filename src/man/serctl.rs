//! serctl(8).

use crate::Places;
use crate::roff::Page;
use serctl::variables::{VARIABLES, Variable};
use serctl::verbs::{SECTIONS, VERBS, Verb};

pub fn page(places: &Places) -> Page {
    let mut page = Page::new(
        "serctl",
        8,
        "System administration",
        "control and look at ser(8)",
    );
    page.section("SYNOPSIS");
    page.paragraph("`serctl` [`-s` address] verb [argument ...]");
    page.section("DESCRIPTION");
    page.paragraph(
        "`serctl` asks a running server by RPC, over a socket of module ctl, or looks at configuration files. \
         `serctl help` lists the verbs.",
    );
    page.section("OPTIONS");
    page.item(
        "`-s` address, `--socket` address",
        "where the server listens, as `sercmd` and `kamcmd` write it: `unixs:`path, `unixd:`path, `tcp:`host`:`port or \
         `udp:`host`:`port; for the text protocol `fifo:`path or `unixsock:`path",
    );
    page.item("`-h`, `--help`", "list the verbs");
    page.item("`-V`, `--version`", "show the version");
    page.section("VERBS");
    for (section, heading) in SECTIONS {
        page.subsection(&capital(heading));
        for verb in VERBS.iter().filter(|verb| verb.section == *section) {
            page.item(&call(verb), &text(verb));
        }
    }
    variables(&mut page, places);
    page.section("EXIT STATUS");
    page.item("0", "done");
    page.item("1", "something was wrong: the call, or what it asked for");
    page.item("2", "the server cannot be reached");
    page.item(
        "3",
        "`fifo`: no pipe for the reply can be made; `status`: the server does not run",
    );
    page.section("SEE ALSO");
    page.paragraph("`ser`(8), `ser.cfg`(5)");
    page
}

fn variables(page: &mut Page, places: &Places) {
    page.section("ENVIRONMENT");
    page.paragraph(
        "Variables may stand in the environment or, a line `NAME=value` each, in one of the files below; the environment \
         wins.",
    );
    for variable in VARIABLES {
        page.item(&format!("`{}`", variable.name), &described(variable));
    }
    page.section("FILES");
    let beside = places.config.replace("ser.cfg", "serctlrc");
    page.item(
        &format!("`{beside}`, `~/.serctlrc`"),
        "values of the variables",
    );
}

fn described(variable: &Variable) -> String {
    match variable.default {
        "" => variable.text.to_owned(),
        default => format!("{} (default {default})", variable.text),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn call(verb: &Verb) -> String {
    format!("`{}` {}", verb.name, verb.args)
        .trim_end()
        .to_owned()
}

fn text(verb: &Verb) -> String {
    let names: Vec<String> = verb
        .aliases
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    match names.is_empty() {
        true => verb.text.to_owned(),
        false => format!("{}; also {}", verb.text, names.join(", ")),
    }
}
