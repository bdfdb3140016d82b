//! The modules, seen from outside: a server with a script, a client that sends, a next hop that receives.

#[path = "../common/mod.rs"]
mod common;

mod exec;
mod loader;
mod maxfwd;
mod modparams;
mod print;
mod registrar;
mod rr;
mod scene;
mod sl;
mod textops;
mod uri;
mod usrloc;
mod xlog;
