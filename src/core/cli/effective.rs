//! What a config file and the command line come to together.

use super::getopt::Opt;
use super::overrides::{self, Overrides};
use super::passes::Early;
use crate::core::config::{Facts, Loaded};
use crate::core::dns::{self, AtStart};
use crate::core::log as ser_log;
use crate::core::net::{self, Listeners, SocketId};
use crate::core::script::Program;
use crate::core::settings::Settings;

/// Everything that the file says, with what the command line puts in its place.
pub(super) struct Effective {
    pub settings: Settings,
    pub more: Overrides,
    pub facts: Facts,
    pub program: Program,
    listen: Vec<SocketId>,
    aliases: Vec<SocketId>,
}

impl Effective {
    /// Of a file without errors. The log follows it from here on.
    pub fn of(loaded: Loaded, early: &Early, options: &[Opt]) -> Result<Effective, String> {
        let target = loaded.target;
        let mut settings = target.settings;
        let more = overrides::apply(options, &mut settings)?;
        settings.log_stderror |= early.log_stderr;
        if early.debug > 0 {
            settings.debug = early.debug as i32;
        }
        apply_log_settings(&settings);
        dns::settle(&mut settings);
        let mut listen = target.listen;
        listen.extend(more.listen.iter().cloned());
        Ok(Effective {
            settings,
            more,
            facts: loaded.facts,
            program: loaded.program,
            listen,
            aliases: target.aliases,
        })
    }

    /// The sockets that it asks for; names are looked up.
    pub fn listeners(&self) -> Result<Listeners, String> {
        listeners(&self.listen, &self.aliases, &self.settings)
    }
}

/// What `listen` and `alias` come to.
pub(super) fn listeners(
    listen: &[SocketId],
    aliases: &[SocketId],
    settings: &Settings,
) -> Result<Listeners, String> {
    net::build(listen, aliases, settings, &AtStart::new(settings))
        .map_err(|why| format!("failed to initialize list addresses: {why}"))
}

/// What concerns the log in this process and those that are forked from it.
pub(super) fn apply_log_settings(settings: &Settings) {
    ser_log::set_debug(settings.debug);
    ser_log::set_stderr(settings.log_stderror);
    ser_log::set_facility(settings.log_facility);
}
