//! From a decided message to a datagram: Via, message building, stateless forwarding of requests and
//! replies, replies of our own (SER's forward.c and msg_translator.c).

pub mod branch;
mod build;
mod copied;
mod dset;
mod next_hop;
mod refusal;
mod reply;
mod reply_forward;
mod request;
mod sent;
mod socket;
pub mod tag;
pub mod text;

pub use crate::core::module::version::{server_header, user_agent_header};
pub use build::{build_request, push_via, render};
pub use dset::push_contacts;
pub use refusal::refuse;
pub use reply::{build_reply, reply_destination, send_reply};
pub use reply_forward::{forward_reply, remove_first_via};
pub use request::{Target, ask_onsend, forward, send, set_onsend_hook, transmit};
pub use socket::send_socket;
