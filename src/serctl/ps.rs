//! `serctl ps`: the processes of the server.

use crate::verbs::wrong_use;
use crate::{Failure, Tool, Value};
use std::io::Write;

/// Shows slot, pid, rank and description of each process; restarts where the server counts them.
pub fn run(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(wrong_use("ps"));
    }
    let workers = tool.connect()?.call("core.workers", &[])?;
    let restarts = |worker: &Value| worker.get("restarts").and_then(Value::as_int);
    let counted = workers.iter().any(|worker| restarts(worker).is_some());
    let heading = if counted { " restarts" } else { "" };
    writeln!(out, "slot     pid rank{heading} description")?;
    for worker in &workers {
        let (slot, pid, rank) = (worker.int("slot")?, worker.int("pid")?, worker.int("rank")?);
        write!(out, "{slot:4} {pid:7} {rank:4} ")?;
        if counted {
            write!(out, "{:8} ", restarts(worker).unwrap_or(0))?;
        }
        writeln!(out, "{}", worker.str("description")?)?;
    }
    Ok(())
}
