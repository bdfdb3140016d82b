//! Bad datagrams in volume: nothing is lost but themselves.

use crate::common::wait_until;
use crate::corpus::{self, Random};
use crate::lab::Lab;

/// The memory of a process may breathe by so much, in KiB. A round has some 50,000 datagrams: less than
/// two bytes lost for each of them would be seen.
const BREATH: u64 = 96;

/// Everything but the messages cut at every byte.
fn send_odd_ones(lab: &mut Lab) {
    let whole = corpus::whole(lab.setup.port, lab.callee.port());
    let mut random = Random::new(4475);
    lab.send_all(corpus::short());
    lab.send_all(whole.clone());
    lab.send_all(corpus::mutated(&whole, 4000, &mut random));
    lab.send_all(corpus::noise(2000, &mut random));
    lab.send_all(corpus::huge());
}

fn send_everything(lab: &mut Lab) {
    let whole = corpus::whole(lab.setup.port, lab.callee.port());
    lab.send_all(corpus::truncated(&whole));
    send_odd_ones(lab);
}

#[test]
fn bad_datagrams_cost_no_process_no_message_and_no_memory() {
    let mut lab = Lab::open(1);
    // Fills tables and caches. The heap has its final shape when everything came twice.
    send_everything(&mut lab);
    send_everything(&mut lab);
    let first = lab.account();
    let before = lab.private_kib();
    send_everything(&mut lab);
    let second = lab.account();
    let after = lab.private_kib();
    lab.assert_well();
    for name in ["used", "used+overhead"] {
        assert_eq!(
            first.value(name),
            second.value(name),
            "{first:?} {second:?}"
        );
    }
    for (before, after) in before.iter().zip(&after) {
        assert!(
            *after <= before + BREATH,
            "private memory: {before} KiB, then {after} KiB"
        );
    }
    println!("{before:?} {after:?} {second:?}");
}

#[test]
fn bad_datagrams_from_many_sides_at_once_cost_no_process_and_no_message() {
    let mut lab = Lab::open(4);
    let whole = corpus::whole(lab.setup.port, lab.callee.port());
    let mut random = Random::new(5118);
    for _ in 0..4 {
        lab.send_all(corpus::mutated(&whole, 1500, &mut random));
        lab.send_all(corpus::noise(300, &mut random));
        lab.send_all(corpus::huge());
    }
    let dump = lab.account();
    assert!(dump.value("sl.replies") > 1000, "{dump:?}");
    assert!(dump.value("fwd.requests") > 1000, "{dump:?}");
    lab.assert_well();
}

#[test]
fn bad_datagrams_leave_no_transaction_behind() {
    let mut lab = Lab::open_stateful(2);
    send_odd_ones(&mut lab);
    let first = lab.settle_memory();
    send_odd_ones(&mut lab);
    wait_until("all transactions are gone", || {
        lab.dump().value("used") == first
    });
    lab.assert_well();
}
