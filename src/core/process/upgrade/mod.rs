//! Upgrade of the binary: a new program takes the place of the one that runs, with its sockets, its shared memory and
//! its processes.
//!
//! The attendant in office starts the program file anew, as a child. That one reads ser.cfg, loads its modules, and maps
//! the segment; whatever goes wrong there ends it, and nothing has changed. When it is ready, the attendant in office
//! hands over: from then on it changes nothing any more, but is still the parent of its processes, and tells its
//! successor of their deaths. The successor makes the table true as after a reload: it forks a process of its own
//! for each old one, and retires that. When all are replaced the old attendant ends. If the successor fails before
//! that, the old one takes everything back.
//!
//! | file | what | runs in |
//! |---|---|---|
//! | `link` | messages between the two | both |
//! | `roll` | the processes as text | both |
//! | `invocation` | how a program was started | both |
//! | `outgoing` | starts the successor, hands over, takes back | the attendant in office |
//! | `relay` | what is left to do for one that has handed over | the same |
//! | `legacy` | what a successor is started with | the successor, first of all |
//! | `incoming` | takes over | the successor |
//! | `draining` | hands over where the segment cannot pass: ends what it has begun | the attendant in office |
//! | `carry` | what modules write down for that | both |
//! | `passing` | messages for what the program before has begun | receivers of the successor |
//!
//! Where both do not see the same in shared memory, the successor has a segment of its own, and gets what modules carry over
//! (`carry`). The old program goes on with its own segment until its transactions are at their end (`draining`).
//!
//! Invariant: of two attendants of one segment one has process slot 0, and only that one forks, retires and repairs. The other has
//! a slot of its own, in which it may be repaired itself.

mod carry;
mod draining;
mod incoming;
mod invocation;
mod legacy;
mod link;
mod outgoing;
mod passing;
mod relay;
mod roll;

pub use carry::{Export, Import, Unfinished, carry_over, finish_first};
pub(super) use incoming::TakingOver;
pub use invocation::Invocation;
pub use legacy::{EXPORT, Legacy, SCRATCH};
pub(super) use outgoing::Outgoing;
pub use passing::{PIPE, key_of};
pub(super) use passing::{pass, read_head};
