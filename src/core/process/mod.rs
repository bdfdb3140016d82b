//! The attendant and its table of processes, fork, ranks, signals; one file a role.
//!
//! | file | runs in |
//! |---|---|
//! | `attendant`, `table`, `respawn`, `retire`, `scale`, `auto_children`, `reload`, `serve_orders`, `reports`, `post_mortem`, `watch`, `replace`, `at_work`, `shutdown`, `upgrade/`, `daemonize`, `privileges`, `limits`, `pidfile`, `notify` | the attendant |
//! | `child` | each forked process, until its work loop |
//! | `udp_receiver` | receivers; in no-fork mode the main process (`no_fork`) |
//! | `finisher` | processes that end what was begun when another program has taken over |
//! | `slow_timer`, `timer`, `pulse` | the two timer processes |
//! | `dns_resolver` | the resolver process |
//! | `stream_server` | a process of a module that serves clients of stream sockets |
//! | `fifo_server`, `unixsock_server` | the processes of those names, where they are configured |
//! | `fork`, `signals`, `title`, `shared`, `memory`, `hooks`, `methods`, `metrics`, `order_methods`, `orders`, `receivers`, `usage` | all |

mod at_work;
mod attendant;
mod attending;
mod auto_children;
mod child;
pub mod daemonize;
mod dns_resolver;
mod fifo_server;
mod finisher;
mod fork;
mod hooks;
pub mod limits;
mod memory;
mod methods;
mod metrics;
mod no_fork;
pub mod notify;
mod order_methods;
mod orders;
mod panics;
pub mod pidfile;
mod post_mortem;
pub mod privileges;
mod pulse;
mod receivers;
mod reload;
mod replace;
mod reports;
mod respawn;
mod retire;
mod scale;
mod serve_orders;
mod shared;
mod shutdown;
mod signals;
mod slow_timer;
mod stream_server;
mod table;
mod timer;
pub mod title;
mod udp_receiver;
mod unixsock_server;
mod upgrade;
mod usage;
mod watch;

pub use attendant::{Attendant, Heritage, Stop};
pub use fifo_server::{FifoSpec, serve_fifo};
pub(in crate::core) use fifo_server::{remove_fifos, serve_core_fifo};
pub use hooks::{ProcessSpec, register_process, register_procs, registered_procs};
pub use metrics::METRICS;
pub use no_fork::OwnReceiver;
pub use panics::install_panic_hook;
pub use reload::{Change, Checked, Configuration};
pub use shared::{ProcessInfo, describe, is_child, max_procs, process_count, processes};
pub use shutdown::{clean_up, say_thanks};
pub use signals::{Attended, idle, is_retiring, stop_if_told, stop_unless_busy};
pub use stream_server::serve_streams;
pub use table::{Entry, Role, State, Table, rank};
pub use unixsock_server::{UnixSockSpec, serve_unixsock};
pub(in crate::core) use unixsock_server::{remove_unixsock, serve_core_unixsock};
pub use upgrade::{EXPORT, Invocation, Legacy, PIPE, SCRATCH};
pub use upgrade::{Export, Import, Unfinished, carry_over, finish_first, key_of};
