//! Start and end of the module, its processes and its timer.

use crate::tell;
use ser::core::module::IntParam;
use ser::core::process::{ProcessSpec, idle, rank, register_process, register_procs, stop_if_told};
use ser::core::time::register_timer;
use ser::ipc::register_recovery;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// 1: `init` fails.
pub(crate) static FAIL_INIT: IntParam = IntParam::new(0);
/// 1: `init` panics.
pub(crate) static PANIC_INIT: IntParam = IntParam::new(0);
/// `child_init` fails in the processes of this rank.
pub(crate) static FAIL_RANK: IntParam = IntParam::new(NO_RANK);
/// `child_init` panics in the processes of this rank.
pub(crate) static PANIC_RANK: IntParam = IntParam::new(NO_RANK);
/// 1: `destroy` panics.
pub(crate) static PANIC_DESTROY: IntParam = IntParam::new(0);
/// 1: `child_init` tells its rank.
pub(crate) static TELL_RANKS: IntParam = IntParam::new(0);
/// How many processes the module adds.
pub(crate) static WORKERS: IntParam = IntParam::new(0);
/// 1: a timer runs every second, and panics the first time; 2: it kills its process.
pub(crate) static TIMER: IntParam = IntParam::new(0);

/// Ends this process with SIGSEGV.
pub(crate) fn segv() {
    let me = nix::unistd::getpid();
    nix::sys::signal::kill(me, nix::sys::signal::Signal::SIGSEGV).expect("sent");
    std::thread::sleep(Duration::from_secs(10));
}
/// So often the attendant panics when it repairs what a dead process left.
pub(crate) static PANIC_BURIAL: IntParam = IntParam::new(0);
/// 1: `test_fault` works (see [`crate::faults`]).
pub(crate) static FAULTS: IntParam = IntParam::new(0);

const NO_RANK: i64 = 1000;
static TIMER_CALLS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn init() -> Result<(), String> {
    if FAIL_INIT.get() != 0 {
        return Err("told to fail".into());
    }
    assert!(PANIC_INIT.get() == 0, "told to panic in init");
    crate::hooks::register()?;
    if FAULTS.get() != 0 {
        crate::faults::init()?;
    }
    if PANIC_BURIAL.get() != 0 {
        register_recovery(panic_at_burial);
    }
    crate::rpc_process::init()?;
    crate::uac::init()?;
    if TIMER.get() != 0 {
        register_timer("testmod: life", timer, 0, 1)?;
    }
    match u32::try_from(WORKERS.get()) {
        Ok(count @ 1..) => register_process(ProcessSpec {
            desc: "test worker".into(),
            rank: rank::PROC_RPC,
            count,
            run: work,
        }),
        Ok(0) | Err(_) => Ok(()),
    }
}

fn panic_at_burial(_: &[u16]) {
    let left = PANIC_BURIAL.get();
    if left > 0 {
        PANIC_BURIAL.set(left - 1);
        panic!("told to panic at a burial");
    }
}

/// A process that waits to be stopped.
fn work() {
    tell(format_args!("worker runs"));
    loop {
        idle(|| std::thread::sleep(Duration::from_millis(50)));
        stop_if_told();
    }
}

fn timer(_seconds: u32, _param: u64) {
    let calls = TIMER_CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    tell(format_args!("timer call {calls}"));
    if TIMER.get() == 2 {
        segv();
    }
    assert!(calls != 1, "told to panic in the timer");
}

pub(crate) fn child_init(rank: i32) -> Result<(), String> {
    if TELL_RANKS.get() != 0 {
        tell(format_args!("child_init {rank}"));
        if let Err(why) = register_procs(1) {
            tell(format_args!("too late: {why}"));
        }
    }
    if FAIL_RANK.get() == rank.into() {
        return Err("told to fail".into());
    }
    assert!(
        PANIC_RANK.get() != i64::from(rank),
        "told to panic in child_init"
    );
    Ok(())
}

pub(crate) fn destroy() -> Result<(), String> {
    tell(format_args!("destroy"));
    assert!(PANIC_DESTROY.get() == 0, "told to panic in destroy");
    Ok(())
}
