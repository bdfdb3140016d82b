//! The attendant and its table of processes, fork, ranks, signals; one file a role.
//!
//! | file | runs in |
//! |---|---|
//! | `attendant`, `table`, `shutdown`, `daemonize`, `privileges`, `limits`, `pidfile` | the attendant |
//! | `child` | each forked process, until its work loop |
//! | `udp_receiver` | receivers; in no-fork mode the main process (`no_fork`) |
//! | `slow_timer`, `timer`, `pulse` | the two timer processes |
//! | `dns_resolver` | the resolver process |
//! | `fork`, `signals`, `title`, `shared`, `memory`, `hooks`, `methods` | all |

mod attendant;
mod child;
pub mod daemonize;
mod dns_resolver;
mod fork;
mod hooks;
pub mod limits;
mod memory;
mod methods;
mod no_fork;
mod panics;
pub mod pidfile;
pub mod privileges;
mod pulse;
mod shared;
mod shutdown;
mod signals;
mod slow_timer;
mod table;
mod timer;
pub mod title;
mod udp_receiver;

pub use attendant::{Attendant, Heritage, Stop};
pub use hooks::{ProcessSpec, register_process, register_procs, registered_procs};
pub use no_fork::OwnReceiver;
pub use panics::install_panic_hook;
pub use shared::{ProcessInfo, describe, max_procs, process_count, processes};
pub use shutdown::say_thanks;
pub use signals::{Attended, idle, stop_if_told};
pub use table::{Entry, Role, State, Table, rank};
