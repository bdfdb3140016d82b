//! ser(8).

use crate::Places;
use crate::roff::Page;
use ser::core::cli::{CliOption, OPTIONS};

pub fn page(places: &Places) -> Page {
    let mut page = Page::new("ser", 8, "System administration", "SIP proxy and registrar");
    page.section("SYNOPSIS");
    page.paragraph(
        "`ser` [`-f` file] [`-c`] [`-E`] [`-D`] [`-l` address] [`-n` processes] [option ...]",
    );
    describe(&mut page, places);
    page.section("OPTIONS");
    for option in &OPTIONS {
        page.item(
            &call(option),
            &option.text.replace("{config}", &places.config),
        );
    }
    life(&mut page);
    files(&mut page, places);
    page.section("SEE ALSO");
    page.paragraph("`ser.cfg`(5), `serctl`(8)");
    page
}

fn call(option: &CliOption) -> String {
    match option.argument {
        Some(argument) => format!("`-{}` {argument}", option.letter),
        None => format!("`-{}`", option.letter),
    }
}

fn describe(page: &mut Page, places: &Places) {
    page.section("DESCRIPTION");
    page.paragraph(&format!(
        "`ser` routes the messages of SIP, the Session Initiation Protocol (RFC 3261): it takes the place of the SIP \
         Express Router. What it does to a message says its configuration file, `{}` unless another is named; \
         its language is described in `ser.cfg`(5).",
        places.config
    ));
    page.paragraph(
        "A running server is a tree of processes. The first one, the attendant, starts the others and replaces those \
         that die: for each socket as many receivers as `children` says, two timers, one that looks names up, and those \
         of modules. `ps` and `serctl ps` show what each of them is.",
    );
    page.paragraph(
        "Without `-D` the server becomes a daemon; the command ends when every process is at work, or has told why \
         the start failed. Options stand for themselves or together; words that are none are passed over.",
    );
}

fn life(page: &mut Page) {
    page.section("SIGNALS");
    page.paragraph("The attendant, whose number stands in the pid file, heeds:");
    page.item(
        "`TERM`, `INT`",
        "stop: every process ends what it is at, then the server ends",
    );
    page.item("`USR1`", "log the use of memory and the counters");
    page.item(
        "`USR2`",
        "start the program file anew and let it take over, with all calls and registrations",
    );
    page.item("`HUP`", "nothing");
    page.section("EXIT STATUS");
    page.item(
        "0",
        "it was told to stop; the daemon runs; the configuration file is right (`-c`); `-h`, `-V`",
    );
    page.item(
        "255",
        "anything went wrong; why stands on stderr or in the log",
    );
    page.section("ENVIRONMENT");
    page.item(
        "`NOTIFY_SOCKET`",
        "the socket of a service manager, which is told when the server is ready and when it stops: `sd_notify`(3)",
    );
    page.item(
        "`WATCHDOG_USEC`, `WATCHDOG_PID`",
        "how often it wants to hear that the attendant is alive: `sd_watchdog_enabled`(3)",
    );
}

fn files(page: &mut Page, places: &Places) {
    page.section("FILES");
    page.item(&format!("`{}`", places.config), "the configuration file");
    page.item(
        "`/etc/default/ser`, `/etc/sysconfig/ser`",
        "what the init script and the systemd unit start the server with",
    );
    page.item(
        "`/run/ser/ser.pid`",
        "where they have it write its process number",
    );
    page.item(
        &format!("`{}`", places.doc),
        "further documentation; how to come from SER: `docs/migrating-from-ser.md`",
    );
    page.section("EXAMPLES");
    page.paragraph("Look for mistakes in a file, all of them at once:");
    page.lines(&["ser -c -f ser.cfg"]);
    page.paragraph("Run in the foreground with the log on the terminal:");
    page.lines(&["ser -f ser.cfg -D -D -E"]);
    page.paragraph("Run as a daemon of the user ser, on one address alone:");
    page.lines(&["ser -u ser -l udp:192.0.2.1:5060 -P /run/ser/ser.pid"]);
}
