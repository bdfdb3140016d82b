//! Addresses, listening sockets, and the thin layer of system calls that reads and sends.

mod backlog;
pub mod clients;
pub mod control;
pub mod http;
pub mod inherited;
mod interfaces;
mod ip_text;
mod listeners;
mod listeners_text;
pub mod patience;
mod socket;
mod socket_id;
pub mod socket_pool;
pub mod stream;
pub mod udp;

pub use backlog::{Backlog, backlog, backlog_of, last_arrival};
pub use ip_text::parse_ip;
pub use listeners::{
    Alias, Listeners, Named, Names, add_alias, all_sockets, build, check_self, find_socket,
    get as listeners, install, keep, listen_block, send_socket_for, socket_by_number,
};
pub use socket::{Proto, ReceiveInfo, SocketId, SocketInfo};
