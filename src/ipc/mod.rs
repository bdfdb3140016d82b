//! Floor 0: the only place that knows that memory is shared between processes. Knows nothing of
//! SIP. Lock order, sizes and crash invariants: `src/ipc/README.md`.
//!
//! | file | what |
//! |---|---|
//! | `roots`, `layout` | what lives as long as the segment, by name, and how it looks: for a later program |
//! | `segment` | one sparse memfd, mapped before the first fork; offsets, never addresses |
//! | `slot` | the number of this process, its area in the segment |
//! | `alloc/` | allocator: per-process caches, size classes, page heap, hole punching, counters by tag |
//! | `mutex`, `rank` | a mutex that knows its owner; the lock order and its witness |
//! | `safe` | [`ShmSafe`], what may be stored; `shm_struct!`, `shm_enum!` |
//! | `boxed`, `string`, `vec`, `list`, `table`, `per_process` | the containers; `chain`, `node` carry them |
//! | `rows` | counters, a row for each process |
//! | `event` | a word to wait on |
//! | `text_cell` | a short text that all may read without a lock |
//! | `scratch` | a buffer of each process that others may read after its death |
//! | `wheel/` | timers: any process adds and deletes, two processes run what is due |
//! | `proctable` | storage of the process table and `process_count` |
//! | `journal` | what a process has begun, for those who clean up after its death |
//! | `fault` | deaths and failures on demand, for tests |
//! | `recover`, `reclaim` | what is done for a process that died: structures and locks, memory |
//!
//! # Use
//! The attendant calls [`Segment::create`] and [`set_process_slot`]`(0)`, makes the tables and
//! shared objects, and forks; each child calls [`set_process_slot`] with its own slot first of
//! all. Code above holds `&'static` references made before the fork, or boxes and containers; every
//! allocation can fail with [`ShmFull`], which the caller turns into an answer.
//!
//! # Two rules
//! A process that uses shared memory does so from one thread. Values in shared memory are
//! [`ShmSafe`]: callbacks and descriptors are kept by number.

mod alloc;
mod boxed;
mod chain;
mod event;
pub mod fault;
mod journal;
pub mod layout;
mod list;
mod mutex;
mod node;
mod per_process;
mod proctable;
mod rank;
mod reclaim;
mod recover;
mod roots;
mod rows;
mod safe;
mod scratch;
mod segment;
mod slot;
mod string;
mod table;
mod text_cell;
mod vec;
mod wheel;

#[cfg(test)]
mod tests;

pub use alloc::stats::{Refused, shm_refused, tag_stats};
pub use alloc::{MAX_TAG_NAME, MAX_TAGS, ShmFull, ShmStats, ShmTag, TagStats, shm_stats};
pub use boxed::{ShmBox, shm_static};
pub use event::ShmEvent;
pub use list::{Cursor, Iter, IterMut, ShmList};
pub use mutex::{
    RawShmMutex, ShmMutex, ShmMutexGuard, StuckHook, mutex_owner, ranked, seize_mutex,
    set_stuck_hook,
};
pub use per_process::PerProcess;
pub use proctable::{MAX_DESC, ProcEntry, ProcState, ProcTable};
pub use rank::LockRank;
pub use reclaim::Reclaimed;
pub use recover::{
    Fate, HeldLock, Mend, Recovered, check_all, check_allocator, held_locks, note_change,
    recover_processes, register_recovery, rescue, settle,
};
pub use roots::{is_taken_over, mismatch, named, number_of};
pub use rows::ShmRows;
pub use safe::{ShmSafe, ShmZero};
pub use scratch::{SCRATCH_SIZE, Scratch, read_scratch};
pub use segment::{
    LAYOUT_VERSION, MAGIC, MAX_LIMIT, MIN_LIMIT, Segment, SegmentError, test_segment,
};
pub use slot::{
    FIRST_THREAD_SLOT, MAX_HELD, MAX_PROCESSES, SlotLease, lease_slot, lock_wait, locks_held,
    process_slot, set_process_slot, turns,
};
pub use string::ShmStr;
pub use table::{BucketGuard, BucketRef, Removed, ShmTable};
pub use text_cell::{MAX_TEXT, TextCell};
pub use vec::ShmVec;
pub use wheel::{
    Advance, Due, MAX_DELTA, ONE_SHOT, PERIODIC, TICKS_HZ, TimerError, TimerNode, Wheel,
};
