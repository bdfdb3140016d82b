//! `children = auto(MIN, MAX)`: receivers come as the load needs them.

use crate::common::{free_port, wait_until};
use crate::load::Load;
use crate::site::Site;

/// A message takes 20 ms, nearly all of which the receiver is blocked.
const SLOW: &str = "route { exec(\"sleep 0.02\"); sl_send_reply(\"200\", \"OK\"); }\n";

fn site(children: &str, port: u16) -> Site {
    let script =
        format!("listen=udp:127.0.0.1:{port}\nchildren={children}\noverload_control=no\n{SLOW}");
    Site::listening(&[], &script)
}

#[test]
fn receivers_come_while_messages_wait_and_no_more_than_allowed() {
    let port = free_port();
    let site = site("auto(2, 11)", port);
    assert_eq!(site.receivers().len(), 8);
    let load = Load::start(port);
    wait_until("more receivers come", || site.receivers().len() > 8);
    let grown = site.receivers().len();
    assert!(grown <= 11, "{grown}");
    assert_eq!(load.end(), [""; 0]);
}

#[test]
fn the_range_holds_from_the_start_and_after_another_file_and_an_order_stays() {
    let port = free_port();
    let site = site("auto(2, 4)", port);
    assert_eq!(site.receivers().len(), 4);
    let listen = format!("listen=udp:127.0.0.1:{port}\n");
    site.write(&format!(
        "{listen}children=auto(6, 9)\noverload_control=no\n{SLOW}"
    ));
    site.ask("core.reload", &[]);
    wait_until("there are as many as the file allows", || {
        site.receivers().len() == 6
    });
    site.write(&format!("{listen}children=3\noverload_control=no\n{SLOW}"));
    site.ask("core.reload", &[]);
    wait_until("there are as many as the file says", || {
        site.receivers().len() == 3
    });
}
