//! What becomes of each torture message, in a script that answers REGISTER and forwards the rest.

use crate::lab::{Lab, Seen};
use crate::messages::every_message;

/// What a message came to: the reply's status line, `forwarded` or `dropped`.
fn outcome(seen: &Seen) -> &str {
    match (seen.answers.as_slice(), seen.forwarded.as_slice()) {
        ([], []) => "dropped",
        ([], [_]) => "forwarded",
        ([answer], []) => answer.trim_start_matches("SIP/2.0 "),
        more => panic!("more than one thing: {more:?}"),
    }
}

#[test]
fn each_torture_message_is_answered_forwarded_or_dropped_and_counted() {
    let mut lab = Lab::open(1);
    let mut dropped = 0;
    for (name, bytes) in every_message() {
        lab.send(&bytes);
        let seen = lab.settle();
        let name = name.trim_end_matches(".dat");
        let wanted = OUTCOMES.iter().find(|row| row.0 == name);
        let wanted = wanted
            .unwrap_or_else(|| panic!("{name} is not in the list"))
            .1;
        assert_eq!(outcome(&seen), wanted, "{name}");
        dropped += u64::from(wanted == "dropped");
    }
    let dump = lab.account();
    let counted = dump.sum("drop.") + dump.value("script.errors");
    assert_eq!(counted, dropped, "{dump:?}");
    lab.assert_well();
}

/// Dropped are: what is not SIP/2.0 (badvers), what cannot be read (bad first lines, a Via or a quote that
/// never ends, a status code of ten digits), and replies that lead to other hosts than this test's.
const OUTCOMES: &[(&str, &str)] = &[
    ("rfc4475/badaspec", "forwarded"),
    ("rfc4475/badbranch", "forwarded"),
    ("rfc4475/baddate", "forwarded"),
    ("rfc4475/baddn", "forwarded"),
    ("rfc4475/badinv01", "dropped"),
    ("rfc4475/badvers", "dropped"),
    ("rfc4475/bcast", "dropped"),
    ("rfc4475/bext01", "forwarded"),
    ("rfc4475/bigcode", "dropped"),
    ("rfc4475/clerr", "forwarded"),
    ("rfc4475/cparam01", "200 OK"),
    ("rfc4475/cparam02", "200 OK"),
    ("rfc4475/dblreq", "200 OK"),
    ("rfc4475/esc01", "forwarded"),
    ("rfc4475/esc02", "forwarded"),
    ("rfc4475/escnull", "200 OK"),
    ("rfc4475/escruri", "forwarded"),
    ("rfc4475/insuf", "forwarded"),
    ("rfc4475/intmeth", "forwarded"),
    ("rfc4475/inv2543", "forwarded"),
    ("rfc4475/invut", "forwarded"),
    ("rfc4475/longreq", "forwarded"),
    ("rfc4475/ltgtruri", "forwarded"),
    ("rfc4475/lwsdisp", "forwarded"),
    ("rfc4475/lwsruri", "dropped"),
    ("rfc4475/lwsstart", "dropped"),
    ("rfc4475/mcl01", "forwarded"),
    ("rfc4475/mismatch01", "forwarded"),
    ("rfc4475/mismatch02", "forwarded"),
    ("rfc4475/mpart01", "forwarded"),
    ("rfc4475/multi01", "forwarded"),
    ("rfc4475/ncl", "forwarded"),
    ("rfc4475/noreason", "dropped"),
    ("rfc4475/novelsc", "forwarded"),
    ("rfc4475/quotbal", "dropped"),
    ("rfc4475/regaut01", "200 OK"),
    ("rfc4475/regbadct", "200 OK"),
    ("rfc4475/regescrt", "200 OK"),
    ("rfc4475/scalar02", "400 Bad Request"),
    ("rfc4475/scalarlg", "dropped"),
    ("rfc4475/sdp01", "forwarded"),
    ("rfc4475/semiuri", "forwarded"),
    ("rfc4475/transports", "forwarded"),
    ("rfc4475/trws", "forwarded"),
    ("rfc4475/unkscm", "forwarded"),
    ("rfc4475/unksm2", "200 OK"),
    ("rfc4475/unreason", "dropped"),
    ("rfc4475/wsinv", "forwarded"),
    ("rfc4475/zeromf", "483 Too Many Hops"),
    ("rfc5118/ipv4-mapped-ipv6", "forwarded"),
    ("rfc5118/ipv6-bad", "200 OK"),
    ("rfc5118/ipv6-bug-abnf-3-colons", "forwarded"),
    ("rfc5118/ipv6-correct-abnf-2-colons", "forwarded"),
    ("rfc5118/ipv6-good", "200 OK"),
    ("rfc5118/ipv6-in-sdp", "forwarded"),
    ("rfc5118/mult-ip-in-header", "forwarded"),
    ("rfc5118/mult-ip-in-sdp", "forwarded"),
    ("rfc5118/port-ambiguous", "200 OK"),
    ("rfc5118/port-unambiguous", "200 OK"),
    ("rfc5118/via-received-param-no-delim", "forwarded"),
    ("rfc5118/via-received-param-with-delim", "forwarded"),
];
