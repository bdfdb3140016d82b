//! `t_write_req`, `t_write_unix`: the request goes to an application, which answers for it.

use crate::tw_append;
use crate::twrite::{self, Order};
use crate::{forward, newtran, params};
use ser::core::module::{Arg, Args};
use ser::core::msg::SipMsg;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// Longest `sip_request.ACTION`, as applications expect it.
const MAX_ACTION: usize = 128;
/// Up to here a write to a FIFO is not mixed with others'.
const PIPE_BUF: usize = 4096;
/// Longest path of a socket, its end included.
const MAX_SOCKET_PATH: usize = 108;

/// `(fifo, "action[/append]")`
pub fn fixup_req(args: &mut [Arg]) -> Result<(), String> {
    let [_, Arg::Str(info)] = args else {
        return Err("a FIFO and an action are wanted".into());
    };
    args[1] = Arg::Custom(Box::new(order(info)?));
    Ok(())
}

/// `(socket, "action[/append]")`
pub fn fixup_unix(args: &mut [Arg]) -> Result<(), String> {
    if let Some(Arg::Str(path)) = args.first()
        && path.len() >= MAX_SOCKET_PATH
    {
        return Err(format!(
            "the path of the socket is longer than {MAX_SOCKET_PATH} bytes"
        ));
    }
    fixup_req(args)
}

fn order(info: &[u8]) -> Result<Order, String> {
    let text = String::from_utf8_lossy(info);
    let (action, append) = match text.split_once('/') {
        Some((action, append)) => (action, Some(append)),
        None => (&*text, None),
    };
    if action.is_empty() || append == Some("") {
        return Err(format!(
            "\"{text}\" is not of the form action or action/append"
        ));
    }
    if "sip_request.".len() + action.len() > MAX_ACTION {
        return Err(format!("the action \"{action}\" is too long"));
    }
    let append = match append {
        Some(name) => Some(
            tw_append::find(name)
                .ok_or_else(|| format!("there is no tw_append named \"{name}\""))?,
        ),
        None => None,
    };
    Ok(Order {
        action: action.as_bytes().into(),
        append,
    })
}

/// `t_write_req(fifo, "action[/append]")`
pub fn t_write_req(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    hand_over(msg, args, "t_write_req", write_fifo)
}

/// `t_write_unix(socket, "action[/append]")`
pub fn t_write_unix(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    hand_over(msg, args, "t_write_unix", write_socket)
}

/// Writes the request and adds the branch that the application answers for; 1 or -1.
fn hand_over(
    msg: &mut SipMsg<'_>,
    args: Args,
    name: &str,
    write: fn(&Path, &[u8]) -> io::Result<()>,
) -> i32 {
    let (Some(order), Some(path)) = (args.custom::<Order>(1), args.str(0, msg)) else {
        return -1;
    };
    let Ok(Some(id)) = newtran::lookup(msg) else {
        log::error!("ERROR: {name}: no transaction found for request");
        return -1;
    };
    let text = match twrite::write(msg, id, order) {
        Ok(text) => text,
        Err(why) => {
            log::error!("ERROR: {name}: {}", why.describe(msg.buf()));
            return -1;
        }
    };
    // The branch comes first: the application may be quick.
    let branch = match forward::add_blind(msg, id) {
        Ok(branch) => branch,
        Err(error) => {
            log::error!("ERROR: {name}: no branch for the application: {error}");
            return -1;
        }
    };
    let path = Path::new(OsStr::from_bytes(path));
    if let Err(why) = write(path, text) {
        log::error!("ERROR: {name}: {}: {why}", path.display());
        forward::take_back_blind(id, branch);
        return -1;
    }
    1
}

/// Nobody is waited for: a FIFO without reader is an error.
fn write_fifo(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut fifo = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if text.len() > PIPE_BUF {
        // Children that write at the same time wait for each other.
        fifo.lock()?;
    }
    let written = fifo.write(text)?;
    if written < text.len() {
        return Err(io::Error::other("the reader does not keep up"));
    }
    Ok(())
}

thread_local! {
    static SOCKET: RefCell<Option<UnixDatagram>> = const { RefCell::new(None) };
}

fn write_socket(path: &Path, text: &[u8]) -> io::Result<()> {
    SOCKET.with_borrow_mut(|socket| {
        let socket = match socket {
            Some(socket) => socket,
            None => {
                let limit = Duration::from_millis(params::UNIX_TX_TIMEOUT.get().max(1) as u64);
                let fresh = UnixDatagram::unbound()?;
                fresh.set_write_timeout(Some(limit))?;
                socket.insert(fresh)
            }
        };
        socket.send_to(text, path).map(|_| ())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_an_action_and_maybe_the_name_of_a_list() {
        tw_append::declare(b"vm: msg[body]").unwrap();
        let plain = order(b"voicemail").unwrap();
        assert_eq!(
            (&*plain.action, plain.append.is_none()),
            (&b"voicemail"[..], true)
        );
        let with = order(b"voicemail/VM").unwrap();
        assert!(with.append.is_some_and(|append| append.body));
        for bad in [&b""[..], b"/vm", b"x/", b"x/unknown"] {
            assert!(order(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
