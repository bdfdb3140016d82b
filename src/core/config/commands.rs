//! The table of core commands (`commands` of the language page): names, synonyms, how they are written.
//! Used by the parser for its messages and by the compiler.

/// Every core command with its synonyms, and how its arguments are written; the first name of a group
/// is what the compiler matches on.
const GROUPS: [(&[&str], &str); 35] = [
    (&["forward"], FORWARD),
    (&["forward_udp"], FORWARD),
    (&["forward_tcp"], FORWARD),
    (&["forward_tls"], FORWARD),
    (&["send"], "(host, port)"),
    (&["send_tcp"], "(host, port)"),
    (&["exit", "drop"], " takes a number or $?, or nothing"),
    (&["return"], " takes a number or $?, or nothing"),
    (&["break"], " takes nothing"),
    (&["log"], "(\"text\") or log(level, \"text\")"),
    (&["error"], "(\"code\", \"text\")"),
    (&["exec"], TEXT),
    (&["setflag"], FLAG),
    (&["resetflag"], FLAG),
    (&["isflagset"], FLAG),
    (&["setavpflag"], "($attr, flag)"),
    (&["resetavpflag"], "($attr, flag)"),
    (&["isavpflagset"], "($attr, flag)"),
    (&["route"], "(name)"),
    (&["rewritehost", "sethost", "seth"], TEXT),
    (&["rewritehostport", "sethostport", "sethp"], TEXT),
    (&["rewriteuser", "setuser", "setu"], TEXT),
    (
        &["rewriteuserpass", "setuserpass", "setup"],
        "(\"user:password\")",
    ),
    (&["rewriteport", "setport", "setp"], "(\"port\"): in quotes"),
    (&["rewriteuri", "seturi"], TEXT),
    (&["revert_uri"], "()"),
    (&["prefix"], TEXT),
    (&["strip"], "(number)"),
    (&["strip_tail"], "(number)"),
    (
        &["append_branch"],
        "(), append_branch(\"uri\") or append_branch(\"uri\", \"0.5\")",
    ),
    (&["force_rport", "add_rport"], "()"),
    (
        &["force_tcp_alias", "add_tcp_alias"],
        "() or with a port number",
    ),
    (&["set_advertised_address"], "(address)"),
    (&["set_advertised_port"], "(number)"),
    (&["force_send_socket"], "([proto:]address[:port])"),
];

const TEXT: &str = "(\"text\")";
const FLAG: &str = "(flag): its number, 0 to 31, or its name";
const FORWARD: &str = "(host, port) or (uri:host, uri:port); the port is a number";

/// The first name of the command's group; `None` if it is no core command.
pub fn group(name: &str) -> Option<&'static str> {
    let found = GROUPS.iter().find(|(names, _)| names.contains(&name));
    found.map(|(names, _)| names[0])
}

/// All names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(names, _)| names.iter().copied())
}

/// How a command is written.
pub fn usage(name: &str) -> String {
    let found = GROUPS.iter().find(|(names, _)| names.contains(&name));
    format!("{name}{}", found.map_or("", |(_, usage)| *usage))
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
