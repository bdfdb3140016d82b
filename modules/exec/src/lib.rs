//! `exec`: hands a request to a command of the shell, and takes destinations from one.
//!
//! The process waits for the command. Invariant: what a command says is applied only after it has ended well, and
//! nothing that came from the network is part of what the shell reads as commands.

mod command;
mod variables;

use command::{Output, run};
use ser::core::module::{ArgType, Args, CmdFn, Command, IntParam, Param, ParamKind, RouteMask};
use ser::core::msg::{Branch, Q_UNSPECIFIED, SerError, SipMsg};

/// Seconds after which a command is killed; 0: never.
static TIME_TO_KILL: IntParam = IntParam::new(0);
/// Whether commands get the message in environment variables.
static SETVARS: IntParam = IntParam::new(1);

const fn command(name: &'static str, func: CmdFn) -> Command {
    Command {
        name,
        func,
        params: &[ArgType::VarStr],
        fixup: None,
        routes: RouteMask::RF,
    }
}

ser::module! {
    name: "exec",
    cmds: &[command("exec_msg", exec_msg), command("exec_dset", exec_dset)],
    params: &[
        Param { name: "time_to_kill", kind: ParamKind::Int(&TIME_TO_KILL) },
        Param { name: "setvars", kind: ParamKind::Int(&SETVARS) },
    ],
}

/// The command gets the message as it was received on its standard input; 1 if it ends with status 0.
fn exec_msg(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(text) = args.str(0, msg) else {
        return failed(msg);
    };
    let input = msg.buf();
    match run(msg, text, Output::Ignored(input)) {
        Some(_) => 1,
        None => failed(msg),
    }
}

/// The command gets the Request-URI as its last argument and writes URIs, one a line: the first becomes the
/// Request-URI, the others branches.
fn exec_dset(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(text) = args.str(0, msg) else {
        return failed(msg);
    };
    let mut line = text.to_vec();
    line.push(b' ');
    quote(msg.request_uri(), &mut line);
    let Some(said) = run(msg, &line, Output::Wanted) else {
        return failed(msg);
    };
    let uris = || said.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end);
    let mut uris = uris().filter(|uri| !uri.is_empty()).peekable();
    if uris.peek().is_none() {
        log::error!("ERROR: exec_dset: no URI from {}", text.escape_ascii());
        return failed(msg);
    }
    // A blank within would end the URI in the first line of the request, and a CR the line.
    let mut all = uris.clone();
    if let Some(uri) = all.find(|uri| !uri.iter().all(u8::is_ascii_graphic)) {
        log::error!("ERROR: exec_dset: no URI: {}", uri.escape_ascii());
        return failed(msg);
    }
    for (i, uri) in uris.enumerate() {
        let uri = msg.store(uri);
        if i == 0 {
            msg.set_uri(uri);
            continue;
        }
        let branch = Branch {
            uri,
            dst_uri: None,
            q: Q_UNSPECIFIED,
            socket: msg.force_send_socket,
        };
        if !msg.branches.push(branch) {
            log::error!("ERROR: exec_dset: too many URIs");
            msg.error = SerError::TOO_MANY_BRANCHES;
            return -1;
        }
    }
    1
}

fn failed(msg: &mut SipMsg<'_>) -> i32 {
    msg.error = SerError::EXEC;
    -1
}

/// Appends `text` as one word of the shell, whatever it holds.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for &byte in text {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            byte => out.push(byte),
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_word() {
        let mut out = Vec::new();
        quote(b"sip:a;x=$(id)'`b", &mut out);
        assert_eq!(out, br"'sip:a;x=$(id)'\''`b'");
    }
}
