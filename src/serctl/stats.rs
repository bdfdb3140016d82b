//! `serctl stats`: the server at a glance.

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
    let uptime = one(client, "core.uptime")?;
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
    if let Some(stats) = loaded(one(client, "tm.stats"))? {
        heading(out, "transactions")?;
        members(&stats, out, |_| true)?;
    }
    if let Some(tables) = loaded(client.call("usrloc.stats", &[]))? {
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

/// `1 day 02:03:04`
fn duration(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day {clock}"),
        _ => format!("{days} days {clock}"),
    }
}

/// The only value of a reply.
fn one(client: &mut Client, method: &str) -> Result<Value, Failure> {
    let first = client.call(method, &[])?.into_iter().next();
    first.ok_or_else(|| Failure::Other(format!("{method}: an empty reply")))
}

/// `None` where the server does not know the method, because its module is not loaded.
fn loaded<T>(reply: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match reply {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Fault { code: 500, reason }) if reason.ends_with("not found") => Ok(None),
        Err(why) => Err(why),
    }
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
    let counters = one(client, "core.counters")?;
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
    let all = one(client, "core.shmmem")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_apart_from_hours() {
        assert_eq!(duration(59), "00:00:59");
        assert_eq!(duration(86_400 + 3723), "1 day 01:02:03");
        assert_eq!(duration(3 * 86_400), "3 days 00:00:00");
    }
}
