//! The same for programs: one line of JSON, times in milliseconds, shares as parts of 1.

use super::{Finding, Outlook};
use crate::Failure;
use ser::core::stats::queueing::Prediction;
use std::io::Write;

/// An array with an object a socket.
pub fn write(findings: &[Finding], out: &mut dyn Write) -> Result<(), Failure> {
    let objects: Vec<String> = findings.iter().map(finding).collect();
    Ok(writeln!(out, "[{}]", objects.join(", "))?)
}

fn finding(finding: &Finding) -> String {
    let Finding {
        watched,
        interval,
        outlook,
    } = finding;
    let outlook = outlook.as_ref().map(self::outlook).unwrap_or_default();
    let memory = watched
        .memory
        .map(|m| format!(", \"memory\": {m}"))
        .unwrap_or_default();
    // The name of a socket is made of letters, digits and punctuation without quotes.
    format!(
        "{{\"socket\": \"{}\", \"children\": {}, \"seconds\": {:.3}, \"messages\": {}, \"refused\": {}, \"lost\": {}{memory}{outlook}}}",
        watched.socket,
        watched.after.children,
        interval.seconds,
        interval.messages,
        interval.refused,
        interval.lost,
    )
}

fn outlook(outlook: &Outlook) -> String {
    let Outlook {
        demand,
        advice,
        table,
    } = outlook;
    let service = &demand.service;
    let rows: Vec<String> = table.iter().map(row).collect();
    format!(
        ", \"rate\": {:.3}, \"erlang\": {:.4}, \"service_ms\": {:.4}, \"cpu_ms\": {:.4}, \"blocked_ms\": {:.4}, \
         \"variability\": {:.4}, \"cores\": {:.3}, \"room\": {:.0}, \"advised\": {}, \"expected\": [{}]",
        demand.rate,
        demand.rate * service.mean(),
        service.mean() * 1e3,
        service.cpu() * 1e3,
        service.blocked() * 1e3,
        service.variability(),
        demand.cores,
        demand.room,
        advice.children,
        rows.join(", "),
    )
}

fn row(met: &Prediction) -> String {
    // JSON has no infinity.
    let ms = |seconds: f64| (seconds * 1e3).min(1e9);
    format!(
        "{{\"children\": {}, \"used\": {:.4}, \"waits\": {:.6}, \"wait_p99_ms\": {:.4}, \"total_p99_ms\": {:.4}, \"lost\": {:.8}}}",
        met.children,
        met.used,
        met.waits,
        ms(met.wait_p99),
        ms(met.total_p99),
        met.lost,
    )
}
