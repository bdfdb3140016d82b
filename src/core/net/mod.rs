//! Addresses, listening sockets, and the thin layer of system calls that reads and sends.

mod socket;
pub use socket::{Proto, ReceiveInfo, SocketInfo};
