//! What changes in a server while it runs: its config, its program, its receivers (docs/reload.md, docs/upgrade.md,
//! docs/reliability.md). Everything goes over RPC, so that what is wrong is shown here.

use crate::verbs::wrong_use;
use crate::{Failure, Tool, Value};
use ser::core::rpc::RpcValue;
use std::io::Write;

/// Calls a method without parameters for a verb without arguments.
fn call(tool: &Tool, verb: &str, args: &[String], method: &str) -> Result<Vec<Value>, Failure> {
    if !args.is_empty() {
        return Err(wrong_use(verb));
    }
    asked(tool, method, &[])
}

fn asked(tool: &Tool, method: &str, params: &[&str]) -> Result<Vec<Value>, Failure> {
    let value = |word: &&str| match word.parse() {
        Ok(number) => RpcValue::Int(number),
        Err(_) => RpcValue::Str(word.as_bytes().to_vec()),
    };
    let params: Vec<RpcValue> = params.iter().map(value).collect();
    match tool.connect()?.call(method, &params) {
        Err(why) if why.is_unknown_method() => Err(Failure::other(format!(
            "this server has no {method}: it cannot do that while it runs"
        ))),
        result => result,
    }
}

fn first(values: &[Value]) -> Result<&Value, Failure> {
    let nothing = || Failure::other("the server said nothing");
    values.first().ok_or_else(nothing)
}

/// Has the server read its config anew.
pub fn reload(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let values = call(tool, "reload", args, "core.reload")?;
    in_force(first(&values)?, out)
}

/// Goes back to the configuration before.
pub fn rollback(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let values = call(tool, "rollback", args, "core.rollback")?;
    in_force(first(&values)?, out)
}

fn in_force(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let warnings = value.str("warnings")?;
    if !warnings.is_empty() {
        writeln!(out, "{}", warnings.trim_end())?;
    }
    writeln!(out, "generation {} is in force", value.int("generation")?)?;
    Ok(())
}

/// Lets a new program take over.
pub fn upgrade(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let values = call(tool, "upgrade", args, "core.upgrade")?;
    let value = first(&values)?;
    let (generation, pid) = (value.int("generation")?, value.int("pid")?);
    writeln!(
        out,
        "generation {generation} is in force, the attendant is {pid}"
    )?;
    Ok(())
}

/// Shows which configuration is in force.
pub fn generation(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let values = call(tool, "generation", args, "core.generation")?;
    let value = first(&values)?;
    let (number, file) = (value.int("generation")?, value.str("file")?);
    writeln!(out, "generation {number} since {}", value.str("time")?)?;
    let of = value.int("file_of")?;
    let went_back = if of == number {
        String::new()
    } else {
        format!(", as in generation {of}")
    };
    writeln!(out, "{file} (MD5 {}){went_back}", value.str("hash")?)?;
    match value.int("previous")? {
        0 => writeln!(out, "there is none to go back to")?,
        n => writeln!(
            out,
            "before: generation {n} (MD5 {})",
            value.str("previous_hash")?
        )?,
    }
    let old = value.int("old_processes")?;
    if old > 0 {
        writeln!(
            out,
            "{old} processes of older generations finish what they have"
        )?;
    }
    Ok(())
}

/// Changes the number of receivers of a socket.
pub fn set_children(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let [socket, number] = args else {
        return Err(wrong_use("children"));
    };
    let values = asked(tool, "core.children", &[socket, number])?;
    let value = first(&values)?;
    let (proto, address) = (value.str("proto")?, value.str("address")?);
    let (port, children) = (value.int("port")?, value.int("children")?);
    writeln!(out, "{proto}:{address}:{port}: {children} receivers")?;
    Ok(())
}

/// Has a process replaced.
pub fn replace(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let [number] = args else {
        return Err(wrong_use("replace"));
    };
    let values = asked(tool, "core.replace", &[number])?;
    writeln!(out, "{}", first(&values)?)?;
    Ok(())
}

/// Shows the messages that processes died of, or lets one out.
pub fn quarantine(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    match args {
        [] => show_quarantine(tool, out),
        [word] if word == "clear" => let_out(tool, &[], out),
        [word, fingerprint] if word == "clear" => let_out(tool, &[fingerprint], out),
        _ => Err(wrong_use("quarantine")),
    }
}

fn show_quarantine(tool: &Tool, out: &mut dyn Write) -> Result<(), Failure> {
    let values = asked(tool, "core.quarantine", &[])?;
    if values.is_empty() {
        writeln!(out, "no process has died of a message lately")?;
        return Ok(());
    }
    writeln!(
        out,
        "fingerprint       deaths dropped expires method   source                Call-ID"
    )?;
    for value in &values {
        writeln!(
            out,
            "{} {:6} {:7} {:5} s {:8} {:21} {}",
            value.str("fingerprint")?,
            value.int("deaths")?,
            value.int("dropped")?,
            value.int("expires")?,
            value.str("method")?,
            value.str("source")?,
            value.str("call_id")?,
        )?;
    }
    Ok(())
}

fn let_out(tool: &Tool, params: &[&str], out: &mut dyn Write) -> Result<(), Failure> {
    let values = asked(tool, "core.quarantine_clear", params)?;
    writeln!(out, "{} let out", first(&values)?)?;
    Ok(())
}

/// Verifies everything in shared memory.
pub fn shm_check(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let values = call(tool, "shm_check", args, "core.shm_check")?;
    writeln!(out, "{}", first(&values)?)?;
    Ok(())
}
