//! Timers: their handlers by number, and the wheel that keeps them.

use super::clock::{since_boot, whole_ticks};
use super::{PERIODIC, s_to_ticks};
use crate::core::isolation;
use crate::core::stats::activity::Task;
use crate::ipc::{
    Advance, Due, ONE_SHOT, ShmFull, ShmTag, TimerError, TimerNode, Wheel, is_taken_over, named,
    number_of, settle, shm_static,
};
use parking_lot::RwLock;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

/// What runs when a timer expires: gets the tick and the timer's data; returns [`super::ONE_SHOT`],
/// [`PERIODIC`], or the number of ticks to the next call.
pub type Handler = fn(tick: u32, data: u64) -> u32;
/// What a legacy timer runs: gets the clock in seconds ([`super::get_ticks`]) and its parameter.
pub type LegacyTimer = fn(seconds: u32, param: u64);

/// The number of a registered handler; made before the first fork, good in all processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandlerId(u16);

impl HandlerId {
    /// A timer whose handler runs in the slow timer process (what most want). It belongs into shared
    /// memory: `shm_static`, `ShmBox`, or a field of a structure there.
    pub fn slow_timer(self, data: u64) -> TimerNode {
        TimerNode::slow(self.0, data)
    }

    /// A timer whose handler runs in the timer process itself; it must be quick.
    pub fn fast_timer(self, data: u64) -> TimerNode {
        TimerNode::fast(self.0, data)
    }
}

crate::shm_struct! {
    /// A tick of the wheel, and when it was.
    struct Epoch {
        tick: u32,
        /// Since the machine was started.
        nanoseconds: u64,
    }
}

/// The wheel and how its clock follows the machine's.
struct Clockwork {
    wheel: &'static Wheel,
    epoch: &'static Epoch,
}

static CLOCKWORK: OnceLock<Clockwork> = OnceLock::new();
/// By their numbers; none where another program had one that this one has not.
static HANDLERS: RwLock<Vec<Option<Handler>>> = RwLock::new(Vec::new());
static LEGACY: RwLock<Vec<Option<(LegacyTimer, u64)>>> = RwLock::new(Vec::new());
static LEGACY_HANDLER: OnceLock<Option<HandlerId>> = OnceLock::new();

/// Makes the wheel, at a random tick as SER does. In the attendant, once the segment exists.
pub(in crate::core) fn create() -> Result<(), ShmFull> {
    let start_tick = RandomState::new().hash_one(std::process::id()) as u32;
    let epoch = Epoch {
        tick: start_tick,
        nanoseconds: since_boot().as_nanos() as u64,
    };
    let epoch = shm_static(epoch, ShmTag::CORE)?;
    let wheel = Wheel::create(epoch.tick, ShmTag::CORE)?;
    CLOCKWORK.get_or_init(|| Clockwork { wheel, epoch });
    Ok(())
}

pub(super) fn wheel() -> Option<&'static Wheel> {
    CLOCKWORK.get().map(|c| c.wheel)
}

/// Registers a handler under a name that is its own (say `tm: repeat`); before the first fork, from a module's `init`.
/// `None`: there are too many already.
pub fn register_handler(name: &str, handler: Handler) -> Option<HandlerId> {
    let number = number_of("timer handler", name)?;
    put(&mut HANDLERS.write(), number, handler);
    Some(HandlerId(number))
}

fn put<T>(places: &mut Vec<Option<T>>, number: u16, what: T) {
    let number = usize::from(number);
    if places.len() <= number {
        places.resize_with(number + 1, || None);
    }
    places[number] = Some(what);
}

/// Starts `timer`, due in `delta` ticks. A timer that ran or was deleted needs
/// [`TimerNode::reinit`] first.
pub fn timer_add(timer: &TimerNode, delta: u32) -> Result<(), TimerError> {
    match wheel() {
        Some(wheel) => wheel.add(timer, delta),
        None => Err(TimerError::TooLong),
    }
}

/// Sets `timer` to be due in `delta` ticks, whatever its state; see [`Wheel::set`] for the lock that callers
/// need.
pub fn timer_set(timer: &TimerNode, delta: u32) {
    if let Some(wheel) = wheel() {
        wheel.set(timer, delta);
    }
}

/// Stops `timer`; waits while its handler runs in another process. True if it was pending.
pub fn timer_del(timer: &TimerNode) -> Result<bool, TimerError> {
    match wheel() {
        Some(wheel) => wheel.del(timer),
        None => Ok(false),
    }
}

/// Inside a handler: somebody may delete this timer from now on without waiting for the handler's end.
pub fn timer_allow_del() {
    if let Some(wheel) = wheel() {
        wheel.allow_del();
    }
}

/// SER's register_timer: `timer(seconds, param)` is called in the slow timer process every `interval`
/// seconds, for the first time one interval from now. From a module's `init`. The name (say `usrloc: expire`) is that
/// of this timer alone.
pub fn register_timer(
    name: &str,
    timer: LegacyTimer,
    param: u64,
    interval: u32,
) -> Result<(), String> {
    let id = LEGACY_HANDLER.get_or_init(|| register_handler("legacy timer", run_legacy));
    let number = id.and_then(|id| Some((id, number_of("legacy timer", name)?)));
    let (id, number) = number.ok_or("too many timers")?;
    put(&mut LEGACY.write(), number, (timer, param));
    let node = named(name, || {
        shm_static(id.slow_timer(number.into()), ShmTag::CORE)
    })
    .map_err(|_| "out of shared memory for a timer")?;
    timer_begin(node, s_to_ticks(interval)).map_err(|e| e.to_string())
}

/// Starts a timer that was made by [`shm_static`], unless another program has: there it goes on as it is.
pub fn timer_begin(timer: &'static TimerNode, delta: u32) -> Result<(), TimerError> {
    match timer_add(timer, delta) {
        Err(TimerError::Active) if is_taken_over() => Ok(()),
        result => result,
    }
}

fn run_legacy(_tick: u32, number: u64) -> u32 {
    let entry = LEGACY.read().get(number as usize).copied().flatten();
    // Nobody any more, if another program had it.
    let Some((timer, param)) = entry else {
        return ONE_SHOT;
    };
    let seconds = super::get_ticks();
    // A panic costs this one call.
    isolation::task(Task::Timer, "a module's timer", || timer(seconds, param));
    PERIODIC
}

/// Calls the handler of a due timer. One that panics ends its timer.
fn call(due: Due) -> u32 {
    let handlers = HANDLERS.read();
    let handler = handlers.get(usize::from(due.callback)).copied().flatten();
    drop(handlers);
    let Some(handler) = handler else {
        log::error!("BUG: timer with unknown handler {}", due.callback);
        return ONE_SHOT;
    };
    let next = isolation::task(Task::Timer, "the handler of a timer", || {
        handler(due.tick, due.data)
    });
    settle();
    next.unwrap_or(ONE_SHOT)
}

impl Clockwork {
    /// The tick that the machine's clock is in.
    fn now(&self) -> u32 {
        let start = Duration::from_nanos(self.epoch.nanoseconds);
        let passed = whole_ticks(since_boot().saturating_sub(start));
        self.epoch.tick.wrapping_add(passed as u32)
    }
}

/// In the timer process: brings the wheel to the present, every missed tick in order.
pub(in crate::core) fn advance() -> Advance {
    let Some(clockwork) = CLOCKWORK.get() else {
        return Advance::default();
    };
    clockwork.wheel.advance(clockwork.now(), call)
}

/// How the timers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimerState {
    /// Timers that are set.
    pub armed: i64,
    /// Whole ticks that the timer process is behind the machine's clock; 0 or now and then 1 if all is well.
    pub ticks_behind: u32,
    /// Ticks with timers that wait for the slow timer process.
    pub slow_waiting: u32,
}

/// How the timers are now; nothing before there are any.
pub fn timer_state() -> TimerState {
    CLOCKWORK
        .get()
        .map_or_else(TimerState::default, |c| TimerState {
            armed: c.wheel.armed(),
            ticks_behind: c.wheel.ticks_behind(c.now()),
            slow_waiting: c.wheel.slow_lists(),
        })
}

/// In the slow timer process: runs what the timer process has handed over.
pub(in crate::core) fn run_slow() -> usize {
    wheel().map_or(0, |wheel| wheel.run_slow(call))
}

/// In the slow timer process: sleeps until there is work, at most `limit`.
pub(in crate::core) fn wait_slow(limit: Duration) {
    if let Some(wheel) = wheel() {
        wheel.wait_slow(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;
    use std::sync::atomic::{AtomicU64, Ordering};

    static CALLS: AtomicU64 = AtomicU64::new(0);

    fn count(_seconds: u32, param: u64) {
        CALLS.fetch_add(param, Ordering::Relaxed);
        if CALLS.load(Ordering::Relaxed) == 2 * param {
            panic!("the second call panics");
        }
    }

    #[test]
    fn a_legacy_timer_that_panics_is_called_again() {
        test_segment();
        let number = number_of("legacy timer", "of a test").unwrap();
        put(&mut LEGACY.write(), number, (count, 3));
        let number = u64::from(number);
        for _ in 0..3 {
            assert_eq!(run_legacy(0, number), PERIODIC);
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), 9);
    }

    #[test]
    fn a_due_timer_without_handler_ends() {
        let due = Due {
            callback: u16::MAX,
            data: 0,
            tick: 1,
        };
        assert_eq!(call(due), ONE_SHOT);
    }

    #[test]
    fn a_handler_gets_tick_and_data_and_says_when_it_wants_to_run_again() {
        test_segment();
        let id = register_handler("of a test", |tick, data| tick + data as u32).unwrap();
        let due = Due {
            callback: id.0,
            data: 5,
            tick: 100,
        };
        assert_eq!(call(due), 105);
    }
}
