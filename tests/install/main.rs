//! The server as a part of the system: what an installation puts where, and what starts it from there.

#[path = "../common/mod.rs"]
mod common;
mod init_script;
mod kit;
mod layout;
mod man;
mod notify;
mod openimscore;
mod package;
mod run_script;
mod systemd;
