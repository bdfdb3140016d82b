//! What happens to a SIP message, and who does it. The floors are drawn in the crate's documentation.

pub mod cli;
pub mod config;
pub mod dialog;
pub mod dns;
pub mod forward;
pub mod in_force;
pub mod isolation;
pub mod log;
pub mod module;
pub mod msg;
pub mod net;
pub mod overload;
pub mod process;
pub mod receive;
pub mod rpc;
pub mod script;
pub mod settings;
pub mod sip;
pub mod stats;
pub mod time;
