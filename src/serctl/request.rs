//! `serctl ping` and `serctl cisco_restart`: have the server send a request, and tell how it was answered.

use crate::verbs::wrong_use;
use crate::{Failure, Tool, Value};
use ser::core::rpc::RpcValue;
use std::io::Write;

/// OPTIONS.
pub fn ping(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let [uri] = args else {
        return Err(wrong_use("ping"));
    };
    send(tool, "OPTIONS", uri, &[], out)
}

/// A NOTIFY that makes a Cisco phone read its configuration anew.
pub fn cisco_restart(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let [uri] = args else {
        return Err(wrong_use("cisco_restart"));
    };
    send(tool, "NOTIFY", uri, &["Event: check-sync"], out)
}

/// Shows code and reason; what is no 2xx fails.
fn send(
    tool: &Tool,
    method: &str,
    uri: &str,
    more: &[&str],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let mut headers = vec![
        format!("From: <sip:daemon@{}>", host.to_string_lossy()),
        format!("To: <{uri}>"),
        // The server puts its own address there.
        "Contact: <sip:daemon@!!>".to_owned(),
    ];
    headers.extend(more.iter().map(|line| (*line).to_owned()));
    let headers = headers.join("\r\n");
    let params = [method, uri, ".", ".", &headers].map(|param| RpcValue::Str(param.into()));
    let reply = tool.connect()?.call("tm.t_uac_dlg", &params)?;
    let (Some(code), Some(reason)) = (
        reply.first().and_then(Value::as_int),
        reply.get(1).and_then(Value::as_str),
    ) else {
        return Err(Failure::other("tm.t_uac_dlg: the reply has no status"));
    };
    writeln!(out, "{code} {reason}")?;
    match code {
        ..300 => Ok(()),
        // It has been said.
        _ => Err(Failure::Silent(1)),
    }
}
