//! Module `print`.

use crate::common::{Setup, Tree};
use crate::scene::load;
use std::process::Stdio;

#[test]
fn arguments_go_to_stdout() {
    let script = "modparam(\"print_stdout\", \"int_param\", 3)\nmodparam(\"print_stdout\", \"str_param\", \"x\")\n\
                  route { print(); print(\"a\"); print(\"a\", \"b\"); sl_send_reply(\"200\", \"OK\"); }";
    let setup = Setup::with_config(&format!("{}{script}\n", load(&["sl", "print"])));
    let out = std::fs::File::create(setup.path("out")).expect("a file");
    // A server that forks has left its stdout.
    let mut command = setup.command(&["-D", "-E"]);
    let server = command.stdout(out).stderr(Stdio::null()).spawn();
    let _server = Tree::of(server.expect("it starts").id() as i32);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let request = "OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                   To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    crate::common::wait_until("the arguments are printed", || {
        // Until the server listens the request is lost.
        client
            .send_to(request.as_bytes(), ("127.0.0.1", setup.port))
            .ok();
        setup.read("out").contains("<null>\na\nab\n")
    });
}
