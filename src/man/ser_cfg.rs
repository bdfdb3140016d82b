//! ser.cfg(5).

use crate::Places;
use crate::modules;
use crate::roff::Page;
use ser::core::config::{ParamDoc, command_docs, param_docs};
use ser::core::module::ModuleExports;
use ser::core::script::select::CORE_SELECTS;

pub fn page(places: &Places, exports: &[&ModuleExports]) -> Page {
    let mut page = Page::new("ser.cfg", 5, "File formats", "configuration of ser(8)");
    describe(&mut page, places);
    blocks(&mut page);
    parameters(&mut page);
    commands(&mut page);
    expressions(&mut page);
    page.section("MODULES");
    page.paragraph(&format!(
        "Functions and parameters of the modules, with the values that hold unless `modparam` sets others. What each of \
         them does says `{}/docs/modules/NAME.md`.",
        places.doc
    ));
    modules::write(&mut page, exports);
    page.section("SEE ALSO");
    page.paragraph("`ser`(8), `serctl`(8)");
    page
}

fn describe(page: &mut Page, places: &Places) {
    page.section("DESCRIPTION");
    page.paragraph(&format!(
        "`{}` is read once, when the server starts. It has four kinds of statements, each of which may stand \
         anywhere: parameters of the core, modules and their parameters, declarations, and route blocks, which are run for \
         each message. `ser -c` and `serctl check` look for mistakes.",
        places.config
    ));
    page.paragraph(
        "Line ends are blanks. A comment goes from `#` to the end of the line, or from `/*` to `*/`. Text stands between \
         double quotes, where `\\n`, `\\t`, `\\\"` and the like are escapes, or between single quotes, where nothing is. \
         Numbers may be written as `0x1f`, `017` or `101b`; `yes`, `on` and `true` are 1, `no`, `off` and `false` are 0.",
    );
    page.section("STATEMENTS");
    page.item("name `=` value", "sets a parameter of the core");
    page.item(
        "`loadmodule \"`name`.so\"`",
        "loads a module: one with a slash from there, another from `mpath` or the installation",
    );
    page.item(
        "`modparam(\"`module`\", \"`name`\",` value`)`",
        "sets a parameter of a module that is loaded; several modules: `\"a|b\"`",
    );
    page.item(
        "`flags` name[`:`number]`,` ...",
        "names flags of messages, 0 to 31",
    );
    page.item("`avpflags` name`,` ...", "names flags of attributes");
}

fn blocks(page: &mut Page) {
    page.section("ROUTE BLOCKS");
    page.paragraph(
        "A block is called by its name or number; the one without is run by the server.",
    );
    for (block, text) in [
        ("route", "for each request"),
        (
            "onreply_route",
            "for each reply; a named one for replies of transactions that asked for it (module tm)",
        ),
        (
            "failure_route",
            "for a transaction that failed, where it asked for it (module tm)",
        ),
        (
            "branch_route",
            "for each branch of a transaction, where it asked for it (module tm)",
        ),
        ("onsend_route", "for each request that is about to be sent"),
    ] {
        page.item(
            &format!("`{block}`[`[`name`]`] `{{` statement ... `}}`"),
            text,
        );
    }
    page.paragraph(
        "A statement is a call of a command or a function of a module with a `;` behind it, an assignment to an attribute, or \
         `if (`expression`)` statement [`else` statement]; several stand in `{` and `}`.",
    );
    page.lines(&[
        "route {",
        "    if (method == \"REGISTER\") {",
        "        save_contacts(\"location\");",
        "        exit;",
        "    }",
        "    if (!lookup_contacts(\"location\")) {",
        "        sl_send_reply(\"404\", \"Not Found\");",
        "        exit;",
        "    }",
        "    t_relay();",
        "}",
    ]);
}

fn parameters(page: &mut Page) {
    page.section("CORE PARAMETERS");
    for doc in param_docs().filter(|doc| doc.effective) {
        page.item(&tag(&doc), &text(&doc));
    }
    page.subsection("Accepted without effect");
    page.paragraph("Parameters of older and of later generations, so that their files are read:");
    for doc in param_docs().filter(|doc| !doc.effective) {
        page.item(
            &names(doc.names),
            if doc.text.is_empty() {
                "no effect, as in SER"
            } else {
                doc.text
            },
        );
    }
}

fn names(names: &[&str]) -> String {
    let bold: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    bold.join(", ")
}

fn tag(doc: &ParamDoc) -> String {
    format!("{} = {}", names(doc.names), doc.value)
}

fn text(doc: &ParamDoc) -> String {
    match doc.default {
        "" => doc.text.to_owned(),
        default => format!("{} (default {default})", doc.text),
    }
}

fn commands(page: &mut Page) {
    page.section("COMMANDS");
    for (called, usage, text) in command_docs() {
        let (first, synonyms) = (called[0], &called[1..]);
        let written = format!("`{first}`{usage}");
        let more = match synonyms {
            [] => String::new(),
            synonyms => format!("; also {}", names(synonyms)),
        };
        page.item(&written, &format!("{text}{more}"));
    }
}

fn expressions(page: &mut Page) {
    page.section("EXPRESSIONS");
    page.paragraph(
        "Comparisons are joined by `&&` (`and`), `||` (`or`) and `!` (`not`), which means the whole comparison behind it. A call \
         is true if it returns more than 0; `$?` is what the last route or function returned.",
    );
    page.item(
        "`method`, `uri`, `from_uri`, `to_uri`, `status`",
        "compared with text: `==`, `!=`, and `=~` with a regular expression (POSIX extended)",
    );
    page.item(
        "`src_ip`, `dst_ip`",
        "compared with an address, a network or a name",
    );
    page.item("`src_port`, `dst_port`, `proto`, `af`, `msg:len`", "compared as numbers; in onsend_route also `snd_ip`, `to_ip`, `snd_port`, `to_port`, `snd_proto`, `snd_af`");
    page.item(
        "`myself`",
        "one of our addresses or aliases: `uri == myself`",
    );
    page.item("`$`name, `$f.`name, `$t.`name", "an attribute of the message, of the caller, of the callee; `[1]` is the oldest value of several, `[-1]` the newest");
    page.item("`@`select", "a piece of the message");
    page.subsection("Selects");
    for (name, text) in CORE_SELECTS {
        page.item(&format!("`@{name}`"), text);
    }
}
