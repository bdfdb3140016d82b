//! `serctl check` and `serctl route`: read a ser.cfg without starting anything.

use crate::verbs::wrong_use;
use crate::{Failure, Tool, json};
use ser::core::cli;
use ser::core::config::{self, Diagnostic, Diagnostics, Loaded, Modules, Severity, SourceFile};
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

/// Shows all that is wrong with a file; fails if there are errors.
pub fn check(_: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let (options, files): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with("--"));
    let as_json = match options.as_slice() {
        [] => false,
        [one] if *one == "--json" => true,
        _ => return Err(wrong_use("check")),
    };
    let source = read_one("check", &files)?;
    let Loaded { target, found, .. } = config::load(&source, Modules::Check);
    let unbound = match found.errors() {
        0 => cli::check_addresses(target).err(),
        _ => None,
    };
    match as_json {
        true => show_json(&found, unbound.as_deref(), &source, out)?,
        false => show_text(&found, unbound.as_deref(), &source, out)?,
    }
    match found.errors() == 0 && unbound.is_none() {
        true => Ok(()),
        // All is said.
        false => Err(Failure::Silent(1)),
    }
}

/// Shows the program that a file comes to.
pub fn route(_: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let files: Vec<&String> = args.iter().collect();
    let source = read_one("route", &files)?;
    let loaded = config::load(&source, Modules::Check);
    if loaded.found.errors() > 0 {
        let color = std::io::stderr().is_terminal();
        eprint!("{}", loaded.found.render(&source, color));
        return Err(Failure::Other(format!("{}: bad config file", source.name)));
    }
    Ok(out.write_all(loaded.program.show().as_bytes())?)
}

/// The file that is named, standard input for `-`, or the one that the server reads without `-f`.
fn read_one(verb: &str, files: &[&String]) -> Result<SourceFile, Failure> {
    let name = match files {
        [] => cli::default_config().display().to_string(),
        [one] => (*one).clone(),
        _ => return Err(wrong_use(verb)),
    };
    let mut bytes = Vec::new();
    let read = match name.as_str() {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
        path => std::fs::read(Path::new(path)).map(|content| bytes = content),
    };
    read.map_err(|why| Failure::Other(format!("loading config file({name}): {why}")))?;
    Ok(SourceFile { name, bytes })
}

fn show_text(
    found: &Diagnostics,
    unbound: Option<&str>,
    source: &SourceFile,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let color = std::io::stdout().is_terminal();
    out.write_all(found.render(source, color).as_bytes())?;
    if let Some(why) = unbound {
        writeln!(out, "error: {why}\n")?;
    }
    let errors = found.errors() + usize::from(unbound.is_some());
    let counted = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let (errors, warnings) = (
        (errors > 0).then(|| counted(errors, "error")),
        (found.warnings() > 0).then(|| counted(found.warnings(), "warning")),
    );
    let said = match (errors, warnings) {
        (None, None) => "ok".into(),
        (None, Some(warnings)) => format!("ok, {warnings}"),
        (Some(errors), None) => errors,
        (Some(errors), Some(warnings)) => format!("{errors}, {warnings}"),
    };
    Ok(writeln!(out, "{}: {said}", source.name)?)
}

/// An array with an object for each finding.
fn show_json(
    found: &Diagnostics,
    unbound: Option<&str>,
    source: &SourceFile,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut all: Vec<String> = found
        .sorted()
        .into_iter()
        .map(|found| object(found, source))
        .collect();
    // It has no place of its own.
    let start = ((1, 1), (1, 1));
    let unbound = unbound.map(|why| fields(source, start, "error", why, None));
    all.extend(unbound);
    match all.is_empty() {
        true => writeln!(out, "[]")?,
        false => writeln!(out, "[\n  {}\n]", all.join(",\n  "))?,
    }
    Ok(())
}

fn object(found: &Diagnostic, source: &SourceFile) -> String {
    let severity = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = (
        source.position(found.span.start),
        source.position(found.span.end.max(found.span.start)),
    );
    fields(
        source,
        place,
        severity,
        &found.message,
        found.help.as_deref(),
    )
}

/// Line and column.
type Place = (usize, usize);

fn fields(
    source: &SourceFile,
    ((line, col), (end_line, end_col)): (Place, Place),
    severity: &str,
    message: &str,
    hint: Option<&str>,
) -> String {
    let (file, message) = (json::string(&source.name), json::string(message));
    let hint = hint.map_or("null".into(), json::string);
    format!(
        "{{\"file\": {file}, \"line\": {line}, \"col\": {col}, \
         \"end\": {{\"line\": {end_line}, \"col\": {end_col}}}, \
         \"severity\": \"{severity}\", \"message\": {message}, \"hint\": {hint}}}"
    )
}
