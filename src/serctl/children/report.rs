//! What `serctl children` says to people.

use super::{Finding, Options, Outlook};
use crate::Failure;
use ser::core::stats::queueing::{Broken, Interval, Prediction, Reason};
use std::io::Write;

/// Fewer messages than this tell little of what one in a hundred meets.
const TOO_FEW: u64 = 300;

/// A paragraph a socket.
pub fn write(findings: &[Finding], options: &Options, out: &mut dyn Write) -> Result<(), Failure> {
    for (i, finding) in findings.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        head(finding, out)?;
        if let Some(outlook) = &finding.outlook {
            measured(&finding.interval, outlook, options, out)?;
            table(outlook, finding.watched.after.children, out)?;
            advice(finding, outlook, options, out)?;
        }
    }
    if findings.len() > 1 {
        let numbers = findings
            .iter()
            .filter_map(|f| Some(f.outlook.as_ref()?.advice.children));
        if let Some(most) = numbers.max() {
            writeln!(
                out,
                "\nchildren= is for every socket: children={most} serves the one that needs most."
            )?;
        }
    }
    Ok(())
}

fn head(finding: &Finding, out: &mut dyn Write) -> Result<(), Failure> {
    let Finding {
        watched, interval, ..
    } = finding;
    let (socket, children) = (&watched.socket, watched.after.children);
    writeln!(
        out,
        "{socket}: children={children}, watched for {}: {} messages, {} refused, {} lost in the queue",
        time(interval.seconds),
        interval.messages,
        interval.refused,
        interval.lost,
    )?;
    if interval.messages == 0 {
        writeln!(out, "  Without messages nothing can be said.")?;
    } else if interval.messages < TOO_FEW {
        writeln!(
            out,
            "  So few messages tell little: watch longer (--seconds)."
        )?;
    }
    Ok(())
}

fn measured(
    interval: &Interval,
    outlook: &Outlook,
    options: &Options,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let demand = &outlook.demand;
    let (service, erlang) = (&demand.service, demand.rate * demand.service.mean());
    let planned = if options.rate.is_some() {
        " (asked for)"
    } else {
        ""
    };
    writeln!(
        out,
        "  arrivals  {:.1} a second{planned}, which is a load of {erlang:.2} Erlang",
        demand.rate
    )?;
    writeln!(
        out,
        "  service   {} of a child: {} CPU, {} blocked; squared variation {:.2}",
        time(service.mean()),
        time(service.cpu()),
        time(service.blocked()),
        service.variability(),
    )?;
    writeln!(
        out,
        "  cores     {:.1} for this socket, of which {} are used",
        demand.cores,
        percent(interval.messages as f64 / interval.seconds * service.cpu() / demand.cores),
    )?;
    writeln!(
        out,
        "  queue     holds about {:.0} messages, {} of arrivals\n",
        demand.room,
        time(demand.room / demand.rate),
    )?;
    Ok(())
}

fn table(outlook: &Outlook, present: usize, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "         children    used    waits   wait p99   total p99     lost"
    )?;
    for met in &outlook.table {
        let mark = match met.children {
            n if n == outlook.advice.children => "advised",
            n if n == present => "now",
            _ => "",
        };
        writeln!(
            out,
            "{mark:>9} {:7} {:>7} {:>8} {:>10} {:>11} {:>8}",
            met.children,
            percent(met.used),
            percent(met.waits),
            time(met.wait_p99),
            time(met.total_p99),
            percent(met.lost),
        )?;
    }
    Ok(writeln!(out)?)
}

fn advice(
    finding: &Finding,
    outlook: &Outlook,
    options: &Options,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let present = finding.watched.after.children;
    let children = outlook.advice.children;
    let verb = if children == present { "keep" } else { "set" };
    writeln!(
        out,
        "  {verb} children={children}: {}",
        why(outlook, present, options)
    )?;
    if let Some(memory) = finding.watched.memory {
        let (one, all) = (bytes(memory), bytes(memory * children as u64));
        writeln!(
            out,
            "  A child has {one} of memory for itself; {children} of them have {all}."
        )?;
    }
    Ok(())
}

fn why(outlook: &Outlook, present: usize, options: &Options) -> String {
    let now = outlook.with(present);
    let broken = |broken| now.map_or_else(String::new, |now| says(broken, now, options));
    match outlook.advice.reason {
        Reason::Right => {
            "no limit is broken, and there is room for a burst, but not for many fewer children."
                .into()
        }
        Reason::TooFew(limit) => format!(
            "with {present} {}. The advised number bears a quarter more load.",
            broken(limit)
        ),
        Reason::TooMany => "they do as well, with half as much load more, too.".into(),
        Reason::Least => format!("with {present}, one message that takes long stops the socket."),
        Reason::Cores => format!(
            "the cores are the limit, no number of children is enough: {} of what they can do is asked for. More would not do more.",
            percent(outlook.demand.rate * outlook.demand.service.cpu() / outlook.demand.cores),
        ),
        Reason::Most(limit) => format!(
            "it is the largest number that is tried, and too small: {}.",
            broken(limit)
        ),
    }
}

fn says(broken: Broken, now: &Prediction, options: &Options) -> String {
    let limits = &options.limits;
    match broken {
        Broken::Lost => format!(
            "{} of the messages are refused, or lost in a full queue",
            percent(now.lost)
        ),
        Broken::Wait => format!(
            "one message in a hundred waits longer than {}; the target is {} (--target-ms)",
            time(now.wait_p99),
            time(limits.wait_p99)
        ),
        Broken::Used => format!(
            "they are used to {} of what they can do; above {} there is no room for bursts",
            percent(now.used),
            percent(limits.used)
        ),
    }
}

/// Seconds, in a unit that suits.
fn time(seconds: f64) -> String {
    match seconds {
        s if s > 9_999.0 => "endless".into(),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s if s >= 0.000_001 => format!("{:.0} us", s * 1e6),
        _ => "0".into(),
    }
}

fn percent(part: f64) -> String {
    match part * 100.0 {
        p if p >= 9.95 => format!("{p:.0} %"),
        p if p >= 0.01 => format!("{p:.2} %"),
        p if p > 1e-7 => "<0.01 %".into(),
        _ => "0".into(),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes as f64 / 1024.0 {
        k if k >= 10_240.0 => format!("{:.0} MB", k / 1024.0),
        k if k >= 1024.0 => format!("{:.1} MB", k / 1024.0),
        k => format!("{k:.0} kB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_units_that_suit() {
        assert_eq!(
            [2.5, 0.0214, 0.000_035, 0.0, f64::INFINITY].map(time),
            ["2.50 s", "21.4 ms", "35 us", "0", "endless"]
        );
        assert_eq!(
            [0.5, 0.012, 0.000_01, 0.0].map(percent),
            ["50 %", "1.20 %", "<0.01 %", "0"]
        );
        assert_eq!(
            [300 << 10, 3 << 20, 30 << 20].map(bytes),
            ["300 kB", "3.0 MB", "30 MB"]
        );
    }
}
