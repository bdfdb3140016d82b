//! Orders: what another process asks of the attendant, which alone changes the table of processes.
//!
//! An order is a verb and a text; it lies in one of a few places in shared memory until it is answered by a
//! text of any length, or by a fault. A bell (an eventfd that all processes inherit) wakes the attendant.
//! Invariant: the attendant waits for nobody. A place whose lock is taken is looked at again a moment later, and
//! who gave an order and died or lost patience leaves a place that is cleared without him.

use super::idle;
use crate::core::net::inherited;
use crate::core::rpc::{RpcContext, RpcEnd, RpcFault, RpcRest, RpcValue};
use crate::ipc::{
    LockRank, ShmEvent, ShmMutex, ShmStr, ShmTag, mutex_owner, note_change, process_slot, ranked,
    register_recovery, seize_mutex, shm_static,
};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Orders that can be open at once.
const PLACES: usize = 16;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a process that can do nothing else meanwhile looks for it.
const LOOK: Duration = Duration::from_millis(20);

crate::shm_enum! {
    /// What is ordered.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(u8)]
    pub enum Verb {
        /// Tells the receivers of sockets, or changes their number: socket (empty: the only one, or all), line
        /// end, number (empty: as it is).
        Children = 0,
        /// Reads ser.cfg again; no text.
        Reload = 1,
        /// Goes back to the configuration before; no text.
        RollBack = 2,
        /// Tells which configuration is in force; no text.
        Generation = 3,
        /// Kills a process and tells its replacement: number in the table, or pid.
        Replace = 4,
        /// Starts the program anew and lets it take over; no text.
        Upgrade = 5,
    }
}

crate::shm_enum! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(u8)]
    enum Stage {
        Free = 0,
        Given = 1,
        /// The attendant has it.
        Taken = 2,
        Answered = 3,
    }
}

crate::shm_struct! {
    struct Letter {
        stage: Stage,
        verb: Verb,
        /// The process that waits for the answer.
        owner: u16,
        /// Of a fault; 0 is none.
        code: u16,
        /// Tells it from others that lay here before.
        number: u64,
        /// The order, then its answer.
        text: ShmStr,
    }
}

struct Orders {
    places: Vec<&'static ShmMutex<Letter>>,
    answered: &'static ShmEvent,
    bell: OwnedFd,
}

static ORDERS: OnceLock<Orders> = OnceLock::new();

/// What an order ends in.
pub(super) type Answer = Result<Vec<u8>, RpcFault>;

/// An order that the attendant has taken.
#[derive(Debug)]
pub(super) struct Order {
    pub verb: Verb,
    pub text: Vec<u8>,
    pub ticket: Ticket,
}

/// Where the answer goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ticket {
    place: usize,
    number: u64,
}

/// Makes the places and the bell; before the first fork.
pub(super) fn create() -> Result<(), String> {
    let full = |_| "out of shared memory for orders".to_owned();
    let place = |_| {
        let letter = Letter {
            stage: Stage::Free,
            verb: Verb::Children,
            owner: 0,
            code: 0,
            number: 0,
            text: ShmStr::EMPTY,
        };
        shm_static(ranked(LockRank::ORDERS, letter), ShmTag::CORE)
    };
    let places: Result<_, _> = (0..PLACES).map(place).collect();
    let orders = Orders {
        places: places.map_err(full)?,
        answered: shm_static(ShmEvent::new(), ShmTag::CORE).map_err(full)?,
        bell: inherited::bell("orders").map_err(|why| format!("eventfd: {why}"))?,
    };
    ORDERS.get_or_init(|| orders);
    register_recovery(|dead| dead.iter().for_each(|&slot| recover(slot)));
    Ok(())
}

/// What the attendant polls.
pub(super) fn bell() -> Option<BorrowedFd<'static>> {
    ORDERS.get().map(|orders| orders.bell.as_fd())
}

/// Takes the orders that were given. `true`: some could not be looked at, look again in a moment.
pub(super) fn take() -> (Vec<Order>, bool) {
    let Some(orders) = ORDERS.get() else {
        return (Vec::new(), false);
    };
    // Nothing to read: it was rung for what is taken already.
    let _ = rustix::io::read(&orders.bell, &mut [0; 8]);
    let (mut taken, mut missed) = (Vec::new(), false);
    for (place, letter) in orders.places.iter().enumerate() {
        let Some(mut letter) = letter.try_lock() else {
            missed = true;
            continue;
        };
        if letter.stage == Stage::Given {
            letter.stage = Stage::Taken;
            taken.push(Order {
                verb: letter.verb,
                text: letter.text.to_vec(),
                ticket: Ticket {
                    place,
                    number: letter.number,
                },
            });
        }
    }
    (taken, missed)
}

/// Answers an order; false: its place cannot be looked at now, try again in a moment.
pub(super) fn answer(ticket: Ticket, answer: &Answer) -> bool {
    let Some((orders, place)) = ORDERS
        .get()
        .and_then(|o| Some((o, o.places.get(ticket.place)?)))
    else {
        return true;
    };
    let (mut code, text) = match answer {
        Ok(text) => (0, text.as_slice()),
        Err(fault) => (fault.code, fault.reason.as_bytes()),
    };
    let text = ShmStr::try_new_in(text, ShmTag::CORE).unwrap_or_else(|_| {
        code = 500;
        ShmStr::EMPTY
    });
    let Some(mut letter) = place.try_lock() else {
        return false;
    };
    // Else nobody waits for it any more.
    if letter.number == ticket.number && letter.stage == Stage::Taken {
        letter.code = code;
        letter.text.replace(text);
        letter.stage = Stage::Answered;
        drop(letter);
        orders.answered.happen();
    }
    true
}

/// Clears what the dead process `slot` left.
fn recover(slot: u16) {
    for place in ORDERS.get().into_iter().flat_map(|orders| &orders.places) {
        if mutex_owner(place) == Some(slot) {
            // What it was about to give, or had begun to take, is void.
            if let Some(mut letter) = seize_mutex(place, slot) {
                letter.clear();
            }
        } else if let Some(mut letter) = place.try_lock()
            && letter.owner == slot
        {
            letter.clear();
        }
    }
}

impl Letter {
    fn clear(&mut self) {
        self.stage = Stage::Free;
        self.owner = 0;
        self.number += 1;
        self.text.replace(ShmStr::EMPTY);
    }
}

/// An order that was given; taken back when dropped.
struct Given(Ticket);

impl Given {
    fn give(verb: Verb, text: &[u8]) -> Result<Given, RpcFault> {
        let busy = || RpcFault::new(503, "The attendant has too many orders");
        let orders = ORDERS.get().ok_or_else(busy)?;
        let full = |_| RpcFault::new(500, "No shared memory");
        let text = ShmStr::try_new_in(text, ShmTag::CORE).map_err(full)?;
        for (place, letter) in orders.places.iter().enumerate() {
            let mut letter = letter.lock();
            if letter.stage != Stage::Free {
                continue;
            }
            letter.owner = process_slot();
            letter.verb = verb;
            letter.code = 0;
            note_change(&*letter);
            letter.text.replace(text);
            letter.number += 1;
            letter.stage = Stage::Given;
            let number = letter.number;
            drop(letter);
            let given = Given(Ticket { place, number });
            return match rustix::io::write(&orders.bell, &1u64.to_ne_bytes()) {
                // It is full only when the attendant has been called already.
                Ok(_) | Err(Errno::AGAIN) => Ok(given),
                Err(why) => {
                    let why = format!("The attendant cannot be called: {why}");
                    Err(RpcFault::new(500, why))
                }
            };
        }
        Err(busy())
    }

    fn answer(&self) -> Option<Answer> {
        let letter = ORDERS.get()?.places.get(self.0.place)?.lock();
        if letter.number != self.0.number {
            return Some(Err(RpcFault::new(500, "The order was lost")));
        }
        if letter.stage != Stage::Answered {
            return None;
        }
        let text = letter.text.to_vec();
        Some(match letter.code {
            0 => Ok(text),
            code => Err(RpcFault::new(code, String::from_utf8_lossy(&text))),
        })
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let place = ORDERS.get().and_then(|o| o.places.get(self.0.place));
        let mut letter = match place {
            Some(place) => place.lock(),
            None => return,
        };
        if letter.number == self.0.number {
            letter.clear();
        }
    }
}

/// Gives an order from an RPC method, which it ends: the reply is what `show` makes of the answer, as soon as
/// that is there.
pub(super) fn carry_out(
    ctx: &mut dyn RpcContext,
    verb: Verb,
    text: &[u8],
    show: fn(&[u8]) -> Vec<RpcValue>,
) -> Result<(), RpcFault> {
    let given = Given::give(verb, text)?;
    let end = Instant::now() + PATIENCE;
    let rest: RpcRest = Box::new(move || {
        let answer = match given.answer() {
            Some(answer) => answer,
            None if Instant::now() < end => return None,
            None => Err(RpcFault::new(504, "The attendant has not answered in time")),
        };
        let (values, result) = match answer {
            Ok(text) => (show(&text), Ok(())),
            Err(fault) => (Vec::new(), Err(fault)),
        };
        Some(RpcEnd { values, result })
    });
    match ctx.later(rest) {
        Ok(()) => Ok(()),
        Err(rest) => wait_here(ctx, rest),
    }
}

fn wait_here(ctx: &mut dyn RpcContext, mut rest: RpcRest) -> Result<(), RpcFault> {
    let answered = ORDERS.get().map(|orders| orders.answered);
    loop {
        let seen = answered.map_or(0, ShmEvent::count);
        if let Some(end) = rest() {
            end.values.into_iter().try_for_each(|v| ctx.add(v))?;
            return end.result;
        }
        if let Some(answered) = answered {
            idle(|| answered.wait(seen, LOOK));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    #[test]
    fn an_order_is_taken_once_and_its_answer_comes_back() {
        test_segment();
        create().unwrap();
        let given = Given::give(Verb::Children, b"\n5").unwrap();
        let long = vec![b'x'; 100_000];
        let mine = |orders: Vec<Order>| orders.into_iter().find(|o| o.ticket == given.0);
        let order = mine(take().0).expect("it was given");
        assert_eq!(
            (order.verb, order.text.as_slice()),
            (Verb::Children, &b"\n5"[..])
        );
        assert!(mine(take().0).is_none());
        assert!(given.answer().is_none());
        assert!(answer(order.ticket, &Ok(long.clone())));
        assert_eq!(given.answer(), Some(Ok(long)));
    }

    #[test]
    fn an_order_that_was_taken_back_is_answered_to_nobody() {
        test_segment();
        create().unwrap();
        let given = Given::give(Verb::Children, b"").unwrap();
        let ticket = given.0;
        drop(given);
        assert!(answer(ticket, &Err(RpcFault::new(500, "late"))));
        let next = Given::give(Verb::Children, b"").unwrap();
        assert_ne!(next.0, ticket);
        assert!(next.answer().is_none());
    }
}
