//! `receive_msg`: what happens to one message, step by step, and the hooks around the script.

mod counters;
mod nonsip;
pub mod quarantine;
mod receive_msg;
mod refuse;
pub mod script_cb;

pub use nonsip::{NonSipHook, NonSipResult, register_nonsip_msg_hook};
pub use receive_msg::{Outcome, receive_msg};
