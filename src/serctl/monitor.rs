//! `serctl monitor`: the original's picture of the server, drawn again every `WATCH_PERIOD` seconds.

use crate::verbs::wrong_use;
use crate::{Client, Failure, Tool, Value};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Clears the screen; goes to its top.
const CLEAR: &str = "\x1b[H\x1b[2J";
const HOME: &str = "\x1b[H";
/// What is left of the last picture below this one goes.
const CLEAR_BELOW: &str = "\x1b[J";

/// For ever, or as often as the argument says.
pub fn run(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let pictures: u64 = match args {
        [] => u64::MAX,
        [number] => number.parse().map_err(|_| wrong_use("monitor"))?,
        _ => return Err(wrong_use("monitor")),
    };
    let period = watch_period(tool)?;
    let terminal = std::io::stdout().is_terminal();
    let mut client = tool.connect()?;
    for number in 1..=pictures {
        if terminal {
            write!(out, "{}", if number == 1 { CLEAR } else { HOME })?;
        }
        draw(&mut client, number, out)?;
        if terminal {
            write!(out, "{CLEAR_BELOW}")?;
        }
        out.flush()?;
        if number < pictures {
            std::thread::sleep(period);
        }
    }
    Ok(())
}

/// The variable `WATCH_PERIOD`.
pub fn watch_period(tool: &Tool) -> Result<Duration, Failure> {
    let text = tool.get("WATCH_PERIOD");
    let seconds = text.parse().ok().filter(|s| *s > 0.0);
    let period = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    period.ok_or_else(|| Failure::Other(format!("WATCH_PERIOD={text}: seconds are expected")))
}

fn draw(client: &mut Client, number: u64, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "[cycle #: {number}; if constant make sure server lives]"
    )?;
    part(client, "core.version", out, |version, out| {
        Ok(writeln!(out, "{version}")?)
    })?;
    part(client, "core.uptime", out, |times, out| {
        writeln!(out, "Now: {}", times.str("now")?.trim_end())?;
        writeln!(out, "Up since: {}", times.str("up_since")?.trim_end())?;
        Ok(writeln!(out, "Up time: {} [sec]", times.int("uptime")?)?)
    })?;
    writeln!(out, "\nTransaction Statistics")?;
    part(client, "tm.stats", out, transactions)?;
    writeln!(out, "\nStateless Server Statistics")?;
    part(client, "sl.stats", out, stateless)?;
    writeln!(out, "\nUsrLoc Stats")?;
    writeln!(out, "Domain Registered Expired")?;
    part(client, "usrloc.stats", out, |table, out| {
        let (name, users) = (table.str("domain")?, table.int("users")?);
        Ok(writeln!(out, "'{name}' {users} {}", table.int("expired")?)?)
    })
}

/// The values of a method, or the fault where its module is not loaded.
fn part(
    client: &mut Client,
    method: &str,
    out: &mut dyn Write,
    mut show: impl FnMut(&Value, &mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    match client.call(method, &[]) {
        Ok(values) => values.iter().try_for_each(|value| show(value, out)),
        Err(fault @ Failure::Fault { .. }) => Ok(writeln!(out, "{fault}")?),
        Err(why) => Err(why),
    }
}

fn transactions(stats: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let n = |name| stats.int(name);
    writeln!(
        out,
        "Current: {} ({} waiting) Total: {} ({} local)",
        n("current")?,
        n("waiting")?,
        n("total")?,
        n("total_local")?
    )?;
    writeln!(out, "Replied localy: {}", n("replied_localy")?)?;
    Ok(writeln!(
        out,
        "Completion status 6xx: {}, 5xx: {}, 4xx: {}, 3xx: {}, 2xx: {}",
        n("6xx")?,
        n("5xx")?,
        n("4xx")?,
        n("3xx")?,
        n("2xx")?
    )?)
}

/// Codes that were never sent are left out.
fn stateless(stats: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let sent = stats.members().iter();
    let sent = sent.filter(|(_, n)| n.as_int() != Some(0));
    let shown: Vec<String> = sent.map(|(code, n)| format!("{code}: {n}")).collect();
    let shown = if shown.is_empty() {
        "none".into()
    } else {
        shown.join(" ")
    };
    Ok(writeln!(out, "{shown}")?)
}
