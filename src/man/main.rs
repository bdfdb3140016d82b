//! `ser-man [--config FILE] [--doc FOLDER] OUT [MODULE.so…]` writes the manual pages to `OUT/man5` and `OUT/man8`.
//! `scripts/install` runs it; it is not installed.
//!
//! | file | page |
//! |---|---|
//! | `ser` | ser(8), from the table of options |
//! | `ser_cfg`, `modules` | ser.cfg(5), from the tables of core parameters, commands and selects, and those of the modules |
//! | `serctl` | serctl(8), from the table of verbs |
//! | `roff` | the macros of man(7) |

mod modules;
mod roff;
mod ser;
mod ser_cfg;
mod serctl;

use lexopt::Arg;
use roff::Page;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the pages say of the installation.
struct Places {
    /// The file that is read without `-f`.
    config: String,
    /// The folder of further documentation.
    doc: String,
}

struct Job {
    places: Places,
    out: PathBuf,
    modules: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match read_args().and_then(|job| write_pages(&job)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("ser-man: {why}");
            ExitCode::FAILURE
        }
    }
}

fn read_args() -> Result<Job, String> {
    let mut places = Places {
        config: "/usr/local/etc/ser/ser.cfg".into(),
        doc: "/usr/local/share/doc/ser".into(),
    };
    let mut words = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    let wrong = |why: lexopt::Error| why.to_string();
    while let Some(arg) = parser.next().map_err(wrong)? {
        match arg {
            Arg::Long("config") => places.config = value(&mut parser)?,
            Arg::Long("doc") => places.doc = value(&mut parser)?,
            Arg::Value(word) => words.push(PathBuf::from(word)),
            other => return Err(wrong(other.unexpected())),
        }
    }
    let mut words = words.into_iter();
    let out = words.next().ok_or("to which folder?")?;
    let modules = words.collect();
    Ok(Job {
        places,
        out,
        modules,
    })
}

fn value(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|why| why.to_string())?;
    value
        .into_string()
        .map_err(|word| format!("{} is no text", word.display()))
}

fn write_pages(job: &Job) -> Result<(), String> {
    let modules = modules::load(&job.modules)?;
    write(&job.out, ser::page(&job.places))?;
    write(&job.out, ser_cfg::page(&job.places, &modules))?;
    write(&job.out, serctl::page(&job.places))
}

fn write(out: &Path, page: Page) -> Result<(), String> {
    let path = out.join(page.file());
    let folder = path.parent().unwrap_or(out);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, page.text()));
    written.map_err(|why| format!("{}: {why}", path.display()))
}
