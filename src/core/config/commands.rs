//! The table of core commands (`commands` of the language page): names, synonyms, how they are written.
//! Used by the parser for its messages, by the compiler, and for ser.cfg(5).

/// A command's names, how its arguments are written, and what it does. The first name is what the compiler
/// matches on.
type Group = (&'static [&'static str], &'static str, &'static str);

/// Every core command.
static GROUPS: [Group; 35] = [
    (
        &["forward"],
        FORWARD,
        "sends the message on without a transaction; its protocol is that of the next hop",
    ),
    (&["forward_udp"], FORWARD, "the same over UDP"),
    (&["forward_tcp"], FORWARD, "the same over TCP"),
    (&["forward_tls"], FORWARD, "the same over TLS"),
    (
        &["send"],
        "(host, port)",
        "sends the message as it came, over UDP",
    ),
    (&["send_tcp"], "(host, port)", "the same over TCP"),
    (
        &["exit", "drop"],
        " takes a number or $?, or nothing",
        "ends the script; drop is the same",
    ),
    (
        &["return"],
        " takes a number or $?, or nothing",
        "leaves the route block; $? is the number, 1 without one",
    ),
    (
        &["break"],
        " takes nothing",
        "leaves the route block with 0",
    ),
    (
        &["log"],
        "(\"text\") or log(level, \"text\")",
        "logs the text; the level is 4 where none is given",
    ),
    (
        &["error"],
        "(\"code\", \"text\")",
        "logs both, nothing else",
    ),
    (
        &["exec"],
        TEXT,
        "runs a command of the shell and waits for it",
    ),
    (&["setflag"], FLAG, "sets a flag of the message"),
    (&["resetflag"], FLAG, "clears it"),
    (&["isflagset"], FLAG, "true if it is set"),
    (
        &["setavpflag"],
        "($attr, flag)",
        "sets a flag (avpflags) of an attribute",
    ),
    (&["resetavpflag"], "($attr, flag)", "clears it"),
    (&["isavpflagset"], "($attr, flag)", "true if it is set"),
    (
        &["route"],
        "(name)",
        "runs a route block; $? is what it returned",
    ),
    (
        &["rewritehost", "sethost", "seth"],
        TEXT,
        "the host of the Request-URI; its port stays",
    ),
    (
        &["rewritehostport", "sethostport", "sethp"],
        TEXT,
        "host and port of the Request-URI",
    ),
    (
        &["rewriteuser", "setuser", "setu"],
        TEXT,
        "the user of the Request-URI",
    ),
    (
        &["rewriteuserpass", "setuserpass", "setup"],
        "(\"user:password\")",
        "user and password of the Request-URI",
    ),
    (
        &["rewriteport", "setport", "setp"],
        "(\"port\"): in quotes",
        "the port of the Request-URI",
    ),
    (&["rewriteuri", "seturi"], TEXT, "the whole Request-URI"),
    (
        &["revert_uri"],
        "()",
        "the Request-URI is again what it was when it came",
    ),
    (&["prefix"], TEXT, "puts text in front of the user"),
    (
        &["strip"],
        "(number)",
        "takes characters from the front of the user",
    ),
    (
        &["strip_tail"],
        "(number)",
        "takes characters from the end of the user",
    ),
    (
        &["append_branch"],
        "(), append_branch(\"uri\") or append_branch(\"uri\", \"0.5\")",
        "one more destination; without a URI the present Request-URI",
    ),
    (
        &["force_rport", "add_rport"],
        "()",
        "the reply goes to the port that the request came from (RFC 3581)",
    ),
    (
        &["force_tcp_alias", "add_tcp_alias"],
        "() or with a port number",
        "the connection serves requests to that port too (RFC 5923)",
    ),
    (
        &["set_advertised_address"],
        "(address)",
        "what Via and Record-Route of this message call the server",
    ),
    (&["set_advertised_port"], "(number)", "the port beside it"),
    (
        &["force_send_socket"],
        "([proto:]address[:port])",
        "the socket that this message leaves from",
    ),
];

const TEXT: &str = "(\"text\")";
const FLAG: &str = "(flag): its number, 0 to 31, or its name";
const FORWARD: &str = "(host, port) or (uri:host, uri:port); the port is a number";

/// The first name of the command's group; `None` if it is no core command.
pub fn group(name: &str) -> Option<&'static str> {
    let found = GROUPS.iter().find(|(names, ..)| names.contains(&name));
    found.map(|(names, ..)| names[0])
}

/// All commands: the names of each, how its arguments are written, what it does.
pub fn command_docs() -> &'static [Group] {
    &GROUPS
}

/// All names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(names, ..)| names.iter().copied())
}

/// How a command is written.
pub fn usage(name: &str) -> String {
    let found = GROUPS.iter().find(|(names, ..)| names.contains(&name));
    format!("{name}{}", found.map_or("", |(_, usage, _)| *usage))
}

/// Whether the command may stand without parentheses.
pub fn is_bare(name: &str) -> bool {
    takes_bare_argument(name)
        || matches!(
            name,
            "break"
                | "append_branch"
                | "force_rport"
                | "add_rport"
                | "revert_uri"
                | "force_tcp_alias"
                | "add_tcp_alias"
        )
}

/// Whether an argument may follow without parentheses: `return -1`.
pub fn takes_bare_argument(name: &str) -> bool {
    matches!(name, "drop" | "exit" | "return")
}

/// Statements of other languages, and what to write here.
pub fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "switch" | "case" | "default" => "write if (…) { … } else if (…) { … }",
        "while" | "for" | "do" => {
            "a loop is a route that calls itself, or eval_while of module eval"
        }
        "goto" | "continue" => "route(name) runs a block, return leaves it",
        "include_file" | "import_file" | "include" => "a config is one file",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_are_one_command() {
        assert_eq!(group("sethp"), Some("rewritehostport"));
        assert_eq!(group("drop"), Some("exit"));
        assert_eq!(group("sl_send_reply"), None);
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all: Vec<_> = names().collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }
}
