//! RPC by the text protocol of module ctl.

use super::PATIENCE;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Calls a method at the socket that module ctl has made (`modparam("ctl", "fifo", "unixs:PATH")`); the
/// lines of the answer, the first of which is its status.
pub fn call(path: &Path, method: &str, params: &[&str]) -> Vec<String> {
    let mut socket = UnixStream::connect(path).expect("module ctl listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let params: String = params.iter().map(|p| format!("{p}\n")).collect();
    let request = format!(":{method}:\n{params}\n");
    socket.write_all(request.as_bytes()).expect("it is sent");
    socket.shutdown(Shutdown::Write).expect("nothing more");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer.lines().map(str::to_owned).collect()
}
