//! `serctl stats`: the server at a glance.

use crate::top::duration;
use crate::verbs::wrong_use;
use crate::{Client, Failure, Tool, Value};
use std::io::Write;

/// Shows how long it runs, what it has done, who is registered, and what memory that takes.
pub fn run(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(wrong_use("stats"));
    }
    let client = &mut tool.connect()?;
    let version = client.call("core.version", &[])?;
    let uptime = client.one("core.uptime")?;
    let processes = client.call("core.workers", &[])?.len();
    if let Some(version) = version.first() {
        let version = version.to_string();
        let bare = version.strip_prefix("Server: ").unwrap_or(&version);
        writeln!(out, "{bare}")?;
    }
    let up = duration(uptime.int("uptime")?);
    let since = uptime.str("up_since")?.trim_end().to_owned();
    writeln!(out, "up {up}, since {since}; {processes} processes")?;
    counters(client, out)?;
    if let Some(stats) = client.if_known("tm.stats", &[])? {
        heading(out, "transactions")?;
        stats
            .iter()
            .try_for_each(|stats| members(stats, out, |_| true))?;
    }
    if let Some(tables) = client.if_known("usrloc.stats", &[])? {
        heading(out, "registered users")?;
        for table in tables {
            let (users, expired) = (table.int("users")?, table.int("expired")?);
            let expired = format!("{expired} contacts have expired");
            line(out, table.str("domain")?, users, &expired)?;
        }
    }
    sockets(client, out)?;
    memory(client, out)
}

fn heading(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    Ok(writeln!(out, "\n{text}")?)
}

fn line(out: &mut dyn Write, name: &str, n: i64, more: &str) -> Result<(), Failure> {
    Ok(writeln!(
        out,
        "{}",
        format!("  {name:<24} {n:>12}  {more}").trim_end()
    )?)
}

fn members(
    value: &Value,
    out: &mut dyn Write,
    wanted: impl Fn(i64) -> bool,
) -> Result<(), Failure> {
    let (Value::Struct(members) | Value::Line { members, .. }) = value else {
        return Ok(());
    };
    let numbers = members
        .iter()
        .filter_map(|(name, v)| Some((name, v.as_int()?)));
    numbers
        .filter(|(_, n)| wanted(*n))
        .try_for_each(|(name, n)| line(out, name, n, ""))
}

fn counters(client: &mut Client, out: &mut dyn Write) -> Result<(), Failure> {
    let counters = client.one("core.counters")?;
    heading(out, "messages (what never happened is left out)")?;
    members(&counters, out, |n| n != 0)
}

fn sockets(client: &mut Client, out: &mut dyn Write) -> Result<(), Failure> {
    heading(out, "bytes that wait in sockets")?;
    for socket in client.call("core.sockets", &[])? {
        let (proto, address) = (socket.str("proto")?, socket.str("address")?);
        let name = format!("{proto}:{address}:{}", socket.int("port")?);
        let drops = format!("{} dropped by the kernel", socket.int("drops")?);
        line(out, &name, socket.int("queue_bytes")?, &drops)?;
    }
    Ok(())
}

fn memory(client: &mut Client, out: &mut dyn Write) -> Result<(), Failure> {
    let all = client.one("core.shmmem")?;
    heading(out, "shared memory in bytes")?;
    let limit = format!(
        "of {}, at most {} until now",
        all.int("total")?,
        all.int("max_used")?
    );
    line(out, "used", all.int("real_used")?, &limit)?;
    for module in client.call("core.shm_by_module", &[])? {
        let pieces = format!("in {} pieces", module.int("allocations")?);
        line(
            out,
            module.str("module")?,
            module.int("real_used")?,
            &pieces,
        )?;
    }
    Ok(())
}
