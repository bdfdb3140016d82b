//! Another config file while the server runs: what it comes to is found out in a process that is thrown away, then
//! the attendant puts it in force for the processes that it forks from then on.
//!
//! Invariant: what is in force is one generation, whole: settings, sockets, routes and names of one file. An attempt
//! that fails leaves the generation before in force.

use super::config_file;
use super::effective::{Effective, apply_log_settings};
use super::getopt::Opt;
use super::passes::Early;
use crate::core::config::{self, Facts, Loaded, Modules, SourceFile};
use crate::core::dns;
use crate::core::module::registry;
use crate::core::net::{self, Listeners, SocketInfo, socket_pool};
use crate::core::process::{Change, Checked, Configuration};
use crate::core::script::{self, Declared, HostNames, Program};
use crate::core::settings::{self, Settings};
use crate::core::stats;
use crate::core::time::unix_time;
use std::path::PathBuf;
use std::sync::Arc;

/// The file that is read again, and with what.
#[derive(Debug)]
pub(super) struct ConfigFile {
    early: Early,
    options: Vec<Opt>,
    /// Wherever the server goes, the file stays.
    path: PathBuf,
    hash: String,
}

impl ConfigFile {
    /// That of the command line; to be made before the working directory changes.
    pub fn new(early: &Early, options: &[Opt], hash: String) -> Result<ConfigFile, String> {
        let path = std::path::absolute(&early.config)
            .map_err(|why| format!("{}: {why}", early.config.display()))?;
        Ok(ConfigFile {
            early: early.clone(),
            options: options.to_vec(),
            path,
            hash,
        })
    }
}

/// What is, or was, in force.
#[derive(Debug)]
struct Generation {
    number: u32,
    /// When it was put in force, in Unix time.
    since: i64,
    /// Whose file it is: its own number, or that of the one that it goes back to.
    of: u32,
    hash: String,
    settings: Settings,
    /// The socket lists as text.
    sockets: String,
    facts: Facts,
    declared: Declared,
    program: Arc<Program>,
}

/// The file, what is in force, and what was before.
#[derive(Debug)]
pub(super) struct LiveConfig {
    file: ConfigFile,
    current: Generation,
    previous: Option<Generation>,
}

/// What one process finds out for another.
struct Plan {
    source: Vec<u8>,
    /// Empty: the sockets stay.
    sockets: String,
    /// Addresses of names in the script.
    names: String,
}

impl LiveConfig {
    /// What the server has started with is its first generation, which is the first of all unless it took over from
    /// another program.
    pub fn new(file: ConfigFile, facts: Facts, number: u32) -> LiveConfig {
        let current = Generation {
            number,
            since: unix_time(),
            of: number,
            hash: file.hash.clone(),
            settings: settings::get().clone(),
            sockets: net::listeners().to_text(),
            facts,
            declared: Declared::now(),
            program: script::latest().unwrap_or_default(),
        };
        LiveConfig {
            file,
            current,
            previous: None,
        }
    }

    /// Reads a file; what it cannot change is an error of it.
    fn load(&self, source: &SourceFile) -> Loaded {
        Declared::forget();
        let mut loaded = config::load(source, Modules::Running);
        if loaded.found.errors() == 0 {
            let end = source.bytes.len() as u32;
            let found = &mut loaded.found;
            self.current.facts.follow(&loaded.facts, end, found);
        }
        loaded
    }

    fn effective(&self, loaded: Loaded) -> Result<Effective, String> {
        let ConfigFile { early, options, .. } = &self.file;
        Effective::of(loaded, early, options)
    }

    /// Goes all the way, in a process that is thrown away. The texts: what is to be told, and the plan.
    fn rehearse(&self) -> Result<(String, Plan), String> {
        let source = config_file::open(&self.file.path, &self.file.early.config)?;
        let loaded = self.load(&source);
        config_file::log_findings(&loaded, &source);
        let text = loaded.found.render(&source, false);
        if loaded.found.errors() > 0 {
            let errors = loaded.found.errors();
            return Err(format!("{text}ERROR: bad config file ({errors} errors)"));
        }
        let wrong = |why| format!("{text}{}: {why}", source.name);
        let mut effective = self.effective(loaded).map_err(wrong)?;
        let mut sockets = String::new();
        if !effective.facts.same_sockets(&self.current.facts) {
            let lists = effective.listeners().map_err(wrong)?;
            open_new(&lists, &effective.settings).map_err(wrong)?;
            sockets = lists.to_text();
            net::install(lists);
        }
        settings::set(effective.settings.clone());
        let mut names = HostNames::look_up();
        effective.program.fixup(&mut names).map_err(wrong)?;
        let plan = Plan {
            source: source.bytes,
            sockets,
            names: names.to_text(),
        };
        Ok((text, plan))
    }

    /// Makes the generation that a plan describes; what is in force meanwhile is mended by the caller if it fails.
    fn make(&self, plan: Plan) -> Result<Generation, String> {
        let source = SourceFile {
            name: self.file.early.config.display().to_string(),
            bytes: plan.source,
        };
        let loaded = self.load(&source);
        if loaded.found.errors() > 0 {
            return Err(loaded.found.render(&source, false));
        }
        let mut effective = self.effective(loaded)?;
        let sockets = match plan.sockets.is_empty() {
            true => self.current.sockets.clone(),
            false => plan.sockets,
        };
        let lists = Listeners::from_text(&sockets).ok_or("BUG: the sockets cannot be read")?;
        open_new(&lists, &effective.settings)?;
        net::install(lists);
        settings::set(effective.settings.clone());
        let mut names = HostNames::from_text(&plan.names).ok_or("BUG: no names")?;
        effective.program.fixup(&mut names)?;
        let number = self.current.number + 1;
        Ok(Generation {
            number,
            since: unix_time(),
            of: number,
            hash: config_file::hash(&source),
            settings: effective.settings,
            sockets,
            facts: effective.facts,
            declared: Declared::now(),
            program: script::install(effective.program),
        })
    }

    /// Puts `next`, whose sockets are open, in force; what was is the previous one.
    fn change_to(&mut self, next: Generation) -> Change {
        let was = std::mem::replace(&mut self.current, next);
        let next = &self.current;
        let mut found = config::Diagnostics::default();
        for change in was.facts.follow(&next.facts, 0, &mut found) {
            registry::change_param(change.module, &change.name, &change.values);
        }
        put_in_force(next);
        close_others();
        if stats::script::grow().is_err() {
            log::warn!("WARNING: reload: no room for the measures of all new routes and commands");
        }
        let (children, auto) = (next.settings.children, next.settings.children_auto);
        let same = (children, auto) == (was.settings.children, was.settings.children_auto);
        let change = Change {
            // One that follows the load goes on from where it is.
            children: (!same && auto.is_none()).then_some(children as usize),
            generation: next.number,
        };
        self.previous = Some(was);
        change
    }
}

impl Configuration for LiveConfig {
    fn check(&mut self) -> Checked {
        match self.rehearse() {
            Ok((text, plan)) => Checked {
                passed: true,
                text,
                plan: plan.pack(),
            },
            Err(text) => Checked {
                passed: false,
                text,
                plan: Vec::new(),
            },
        }
    }

    fn install(&mut self, plan: &[u8]) -> Result<Change, String> {
        let plan = Plan::unpack(plan).ok_or("BUG: the plan cannot be read")?;
        match self.make(plan) {
            Ok(next) => Ok(self.change_to(next)),
            Err(why) => {
                put_in_force(&self.current);
                close_others();
                Err(why)
            }
        }
    }

    fn roll_back(&mut self) -> Result<Change, String> {
        let Some(previous) = self.previous.take() else {
            return Err("there is no generation to go back to".into());
        };
        let opened = Listeners::from_text(&previous.sockets)
            .ok_or_else(|| "BUG: the sockets cannot be read".to_owned())
            .and_then(|lists| open_new(&lists, &previous.settings));
        if let Err(why) = opened {
            close_others();
            self.previous = Some(previous);
            return Err(why);
        }
        Ok(self.change_to(Generation {
            number: self.current.number + 1,
            since: unix_time(),
            ..previous
        }))
    }

    fn describe(&self) -> String {
        let of = |g: &Generation| format!("{} {} {} {}", g.number, g.of, g.since, g.hash);
        let previous = self.previous.as_ref().map(of).unwrap_or_default();
        let path = self.file.path.display();
        format!("{}\n{previous}\n{path}\n", of(&self.current))
    }
}

/// For processes that are forked from now on.
fn put_in_force(generation: &Generation) {
    generation.declared.declare_again();
    settings::set(generation.settings.clone());
    if let Some(lists) = Listeners::from_text(&generation.sockets) {
        net::install(lists);
    }
    script::reinstall(generation.program.clone());
    apply_log_settings(&generation.settings);
    dns::settings_changed(&generation.settings);
}

/// Opens the sockets that are not open; all of them or none.
fn open_new(lists: &Listeners, settings: &Settings) -> Result<(), String> {
    let mut opened: Vec<&SocketInfo> = Vec::new();
    for &socket in lists.udp.iter().filter(|socket| !socket.is_open()) {
        if let Err(why) = socket_pool::open(socket, settings) {
            opened.into_iter().for_each(close);
            let name = &socket.name;
            return Err(format!(
                "cannot listen on udp:{name}:{}: {why}",
                socket.port()
            ));
        }
        opened.push(socket);
    }
    Ok(())
}

/// Closes the sockets that are not in force.
fn close_others() {
    let all = net::listeners();
    socket_pool::opened()
        .into_iter()
        .filter(|socket| !all.udp.contains(socket))
        .for_each(close);
}

fn close(socket: &SocketInfo) {
    if let Err(why) = socket_pool::close(socket) {
        log::error!("ERROR: cannot close {}: {why}", socket.addr);
    }
}

impl Plan {
    /// The length of each part in a line, then the parts.
    fn pack(&self) -> Vec<u8> {
        let parts = [
            &self.source[..],
            self.sockets.as_bytes(),
            self.names.as_bytes(),
        ];
        let lengths = parts.map(|part| part.len().to_string()).join(" ");
        [lengths.as_bytes(), b"\n", &parts.concat()].concat()
    }

    fn unpack(bytes: &[u8]) -> Option<Plan> {
        let end = memchr::memchr(b'\n', bytes)?;
        let lengths = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let mut rest = &bytes[end + 1..];
        let mut parts = Vec::new();
        for length in lengths {
            let (part, behind) = rest.split_at_checked(length.parse().ok()?)?;
            parts.push(part.to_vec());
            rest = behind;
        }
        let [source, sockets, names] = parts.try_into().ok()?;
        Some(Plan {
            source,
            sockets: String::from_utf8(sockets).ok()?,
            names: String::from_utf8(names).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let plan = Plan {
            source: b"route {\n}\n\xff".to_vec(),
            sockets: String::new(),
            names: "127.0.0.1:5060\n".into(),
        };
        let read = Plan::unpack(&plan.pack()).unwrap();
        assert_eq!(read.source, plan.source);
        assert_eq!((read.sockets, read.names), (plan.sockets, plan.names));
        assert!(Plan::unpack(b"5 1 1\nabc").is_none());
    }
}
