//! Script commands that go wrong.

use crate::tell;
use nix::sys::time::TimeValLike;
use ser::core::module::{Arg, ArgType, Args, CmdFn, Command, FixupFn, RouteMask};
use ser::core::msg::SipMsg;
use ser::ipc::{LockRank, ShmMutex, ShmTag, ranked, shm_static};
use std::sync::OnceLock;

const fn command(name: &'static str, func: CmdFn, fixup: Option<FixupFn>) -> Command {
    Command {
        name,
        func,
        params: &[],
        fixup,
        routes: RouteMask::ALL,
    }
}

pub(crate) const COMMANDS: &[Command] = &[
    command("test_panic", panic, None),
    command("test_panic_locked", panic_locked, Some(make_lock)),
    command("test_panic_keeping", panic_keeping, Some(make_lock)),
    command("test_lock", lock, Some(make_lock)),
    command("test_keep", keep, Some(make_lock)),
    Command {
        name: "test_hold",
        func: hold,
        params: &[ArgType::Int],
        fixup: Some(make_lock),
        routes: RouteMask::ALL,
    },
    command("test_abort", abort, None),
    command("test_segv", segv, None),
    command("test_hang", hang, None),
    command("test_fault", crate::faults::plan, None),
    command("test_fixup_panics", nothing, Some(fixup_panics)),
    Command {
        name: "test_burn",
        func: burn,
        params: &[ArgType::Int],
        fixup: None,
        routes: RouteMask::ALL,
    },
    Command {
        name: "test_sleep",
        func: sleep,
        params: &[ArgType::Int],
        fixup: None,
        routes: RouteMask::ALL,
    },
    Command {
        name: "test_request",
        func: crate::uac::request,
        params: &[ArgType::VarStr, ArgType::VarStr],
        fixup: None,
        routes: RouteMask::ALL,
    },
    Command {
        name: "test_within",
        func: crate::uac::within,
        params: &[ArgType::Str],
        fixup: None,
        routes: RouteMask::ALL,
    },
    command("test_answer", crate::uac::answer, None),
    command(
        "test_resolve",
        crate::resolving::resolve,
        Some(crate::resolving::register),
    ),
    Command {
        name: "test_result",
        func: result,
        params: &[ArgType::Int],
        fixup: None,
        routes: RouteMask::ALL,
    },
];

/// What [`lock`] and [`panic_locked`] count in.
static COUNTER: OnceLock<&'static ShmMutex<u64>> = OnceLock::new();
/// What [`keep`] takes.
static KEPT: OnceLock<&'static ShmMutex<u64>> = OnceLock::new();

fn make_lock(_args: &mut [Arg]) -> Result<(), String> {
    for (place, rank) in [(&COUNTER, LockRank::MODULE), (&KEPT, LockRank(101))] {
        if place.get().is_none() {
            let counter = shm_static(ranked(rank, 0), ShmTag::CORE);
            let counter = counter.map_err(|_| "no shared memory")?;
            place.get_or_init(|| counter);
        }
    }
    Ok(())
}

fn panic(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    panic!("told to panic")
}

/// Panics while it holds a lock that all processes share.
fn panic_locked(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    let mut counter = COUNTER.get().expect("made by the fixup").lock();
    *counter += 1;
    panic!("told to panic with {}", *counter)
}

/// The same, but the lock is not released when the panic passes by.
fn panic_keeping(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    let counter = COUNTER.get().expect("made by the fixup").lock();
    std::mem::forget(counter);
    panic!("told to panic and to keep the lock")
}

/// Takes and releases that lock.
fn lock(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    let counter = *COUNTER.get().expect("made by the fixup").lock();
    tell(format_args!("counter {counter}"));
    1
}

/// Holds that lock for so many milliseconds.
fn hold(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let _counter = COUNTER.get().expect("made by the fixup").lock();
    sleep(msg, args)
}

/// Takes another one and never releases it.
fn keep(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    std::mem::forget(KEPT.get().expect("made by the fixup").lock());
    1
}

fn abort(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    std::process::abort()
}

/// Dies as code does that follows a bad pointer.
fn segv(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    crate::life::segv();
    1
}

fn hang(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    tell(format_args!("hangs"));
    loop {
        std::hint::spin_loop();
    }
}

fn nothing(_msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    1
}

fn fixup_panics(_args: &mut [Arg]) -> Result<(), String> {
    panic!("told to panic in a fixup")
}

/// Computes for so many microseconds of this process's time on a core.
fn burn(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let used = || nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now();
    let Ok(begin) = used() else { return -1 };
    let wanted = args.int(0, msg).unwrap_or_default();
    while used().is_ok_and(|now| (now - begin).num_microseconds() < wanted) {}
    1
}

/// Keeps the process busy for so many milliseconds, as a slow script does.
fn sleep(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let ms = args.int(0, msg).unwrap_or_default();
    std::thread::sleep(std::time::Duration::from_millis(ms.unsigned_abs()));
    1
}

/// Returns its argument.
fn result(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    args.int(0, msg).unwrap_or(-1) as i32
}
