//! The start of a program that takes the place of another (docs/upgrade.md), where it is not as any other's.
//!
//! Invariant: until it is in office it leaves everything as it is.

use super::fork_mode::ForkMode;
use super::start::{
    Failed, Plan, attend, create_pgid_file, heritage, init, remove_files, set_limits,
};
use crate::core::log as ser_log;
use crate::core::net::inherited;
use crate::core::process::pidfile::{self, PgidFile, PidFile};
use crate::core::process::{Attendant, Attended, EXPORT, Invocation, Legacy, PIPE, Stop, notify};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// From whom this program takes over, and who may take over from it.
pub(super) struct Succession {
    pub(super) legacy: Option<Legacy>,
    pub(super) invocation: Option<Invocation>,
}

/// The life of a program that takes the place of another. Until it is in office it leaves everything as it is.
pub(super) fn succeed(
    plan: &Plan,
    invocation: Option<Invocation>,
    legacy: Legacy,
) -> Result<Stop, Failed> {
    ser_log::set_process(0);
    let (mut attendant, legacy) = match prepare_succession(plan, invocation) {
        Ok(attendant) => (attendant, legacy),
        Err(Failed(why)) => {
            legacy.failed(&why);
            return Err(Failed(why));
        }
    };
    let taken = attendant
        .take_over(legacy)
        .and_then(|()| attendant.close_terminal());
    if let Err(why) = taken {
        attendant.give_up(&why);
        return Err(Failed(why));
    }
    let files = take_files(plan);
    attendant.announce();
    notify::ready();
    // A panic of the attendant ends the server, but its files go.
    let result = catch_unwind(AssertUnwindSafe(|| attend(attendant)));
    let result = result.map_err(|_| Failed(String::new()));
    remove_files(&result, files.0, files.1);
    result
}

fn prepare_succession(plan: &Plan, invocation: Option<Invocation>) -> Result<Attendant, Failed> {
    if plan.mode == ForkMode::NoFork {
        let why = "it is not to fork (fork=no), and one that does not fork cannot take over";
        return Err(Failed(why.into()));
    }
    let signals = Attended::begin().map_err(|e| format!("cannot catch signals: {e}"))?;
    set_limits(plan)?;
    init(plan)?;
    inherited::close_rest(&[EXPORT, PIPE, pidfile::OFFERED]);
    Ok(Attendant::new(heritage(plan, invocation)?, signals)?)
}

/// The pid file and the process group file, which a server can live without.
fn take_files(plan: &Plan) -> (Option<PidFile>, Option<PgidFile>) {
    let told = |why: String| log::error!("ERROR: {why}");
    let path = plan.more.pid_file.as_deref();
    let pid_file = path.and_then(|path| PidFile::take_over(path).map_err(told).ok());
    let pgid_file = create_pgid_file(plan).map_err(|Failed(why)| told(why)).ok();
    (pid_file, pgid_file.flatten())
}
