//! Shared memory that is full: an error answer for who wants more, service for everybody else, and
//! nothing lost when it empties again.

use crate::common::dump::Dump;
use crate::common::sip::{Phone, first_line, request};
use crate::common::{Setup, load, wait_until};

const SCRIPT: &str = r#"
route {
    force_rport();
    if (method == "REGISTER") {
        if (!save("location")) { sl_reply_error(); };
        drop;
    };
    sl_send_reply("200", "OK");
}
"#;
/// In MiB; enough for the server itself and some thousand contacts.
const LIMIT: &str = "8";

fn register(user: usize, expires: u32) -> String {
    let filler = "x".repeat(1000);
    let contact = format!("Contact: <sip:{user}@127.0.0.1;{filler}>;expires={expires}\r\n");
    let text = request("REGISTER", "sip:localhost", "127.0.0.1", &contact);
    text.replace("sip:bob@localhost", &format!("sip:user{user}@localhost"))
}

#[test]
fn a_full_shared_memory_costs_who_wants_more_an_error_and_empties_again() {
    let setup = Setup::with_config(&format!("{}{SCRIPT}", load(&["sl", "usrloc", "registrar"])));
    let server = setup.foreground(&["-D", "-D", "-E", "-n", "2", "-m", LIMIT]);
    let phone = Phone::new();
    let ask = |text: String| first_line(&phone.ask(text, setup.addr())).to_owned();
    let empty = Dump::of(&setup, &server).value("used");
    let registered = (0..20_000).position(|user| ask(register(user, 3600)) != "SIP/2.0 200 OK");
    let registered = registered.expect("the memory is full at last");
    for user in 30_000..30_100 {
        let answer = ask(register(user, 3600));
        // A smaller hole may be left.
        assert!(
            answer.starts_with("SIP/2.0 503 ") || answer == "SIP/2.0 200 OK",
            "{answer}"
        );
    }
    assert_eq!(
        ask(phone.request("OPTIONS", "sip:localhost")),
        "SIP/2.0 200 OK"
    );
    for user in (0..registered).chain(30_000..30_100) {
        assert_eq!(
            ask(register(user, 0)),
            "SIP/2.0 200 OK",
            "user {user} leaves"
        );
    }
    wait_until("the memory is as it was", || {
        Dump::of(&setup, &server).value("used") == empty
    });
    assert_eq!(ask(register(0, 3600)), "SIP/2.0 200 OK");
    assert_eq!(server.tree.children().len(), 4);
}
