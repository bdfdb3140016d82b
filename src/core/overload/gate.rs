//! The gate of a receiver: each datagram passes it before it is parsed.
//!
//! While the socket is calm that is one load and one comparison, and for each millisecond of work one look at the
//! queue. A receiver that is idle does nothing.

use super::class::{self, Class};
use super::load::{self, Load};
use super::look::look;
use super::verdicts::{Call, Verdict};
use crate::core::forward::{refuse, tag};
use crate::core::net::SocketInfo;
use crate::core::settings;
use crate::core::sip::{Glance, request_line};
use crate::core::stats::{Counter, count, cycles, work};
use bumpalo::Bump;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

/// Microseconds of work after which a receiver of a calm socket looks.
const WORK: f64 = 1000.0;
/// Microseconds between two looks at a socket that is not calm.
const INTERVAL: f64 = 250.0;

/// What one receiver knows of its socket's load.
#[derive(Debug)]
pub(in crate::core) struct Gate {
    socket: &'static SocketInfo,
    /// `None`: overload control is off.
    load: Option<&'static Load>,
    /// Time at work when it looks next.
    look_at: u64,
}

/// What becomes of a request.
enum Fate {
    Admitted,
    /// The ACK of a refusal.
    Absorbed,
    Refused {
        again: bool,
    },
}

impl Gate {
    /// Of a receiver of that socket.
    pub(in crate::core) fn new(socket: &'static SocketInfo) -> Gate {
        Gate {
            socket,
            load: load::of(socket),
            look_at: 0,
        }
    }

    /// Whether a datagram that has just been received is to be processed. One that is not was dealt with.
    #[inline]
    pub(in crate::core) fn admits(
        &mut self,
        datagram: &[u8],
        src: SocketAddr,
        arena: &Bump,
    ) -> bool {
        let Some(load) = self.load else { return true };
        if work::busy() >= self.look_at {
            self.look_for_work(load);
        }
        load.is_calm() || self.judge_safely(load, datagram, src, arena)
    }

    /// A message whose glance panics is `receive_msg`'s, as any message that panics.
    #[cold]
    fn judge_safely(&self, load: &Load, datagram: &[u8], src: SocketAddr, arena: &Bump) -> bool {
        let judge = AssertUnwindSafe(|| self.judge(load, datagram, src, arena));
        catch_unwind(judge).unwrap_or(true)
    }

    #[cold]
    fn look_for_work(&mut self, load: &Load) {
        let interval = (cycles::per_us() * WORK) as u64;
        self.look_at = work::busy() + interval;
        look(self.socket, load, cycles::now(), interval);
    }

    fn judge(&self, load: &Load, datagram: &[u8], src: SocketAddr, arena: &Bump) -> bool {
        let now = cycles::now();
        look(self.socket, load, now, (cycles::per_us() * INTERVAL) as u64);
        let Some(line) = request_line(datagram) else {
            return true;
        };
        let Some(class) = class::of_line(&line) else {
            return true;
        };
        let Some(glance) = Glance::at(datagram, &line, arena) else {
            return true;
        };
        match fate(load, class, &glance, now) {
            Fate::Admitted => return true,
            Fate::Absorbed => count(Counter::OverloadAcks),
            Fate::Refused { again } => self.refuse(load, &glance, src, arena, Lot { now, again }),
        }
        false
    }

    fn refuse(&self, load: &Load, glance: &Glance<'_>, src: SocketAddr, arena: &Bump, lot: Lot) {
        if lot.is_silent(load) {
            load.dropped.fetch_add(1, Relaxed);
            count(Counter::OverloadDropped);
            return;
        }
        let retry_after = retry_after(Call::of(glance.call_id));
        load.refused.fetch_add(1, Relaxed);
        count(Counter::OverloadRefused);
        if let Err(why) = refuse(glance, self.socket, src, retry_after, arena) {
            count(Counter::SendErrors);
            log::error!("ERROR: overload: a 503 to {src} could not be sent: {why}");
        }
    }
}

/// Chance in whether a refusal is silent.
struct Lot {
    now: u64,
    /// The call was refused before.
    again: bool,
}

impl Lot {
    /// One that was told already is dropped first: its 503 is on the way, or the next retransmission gets it.
    fn is_silent(&self, load: &Load) -> bool {
        let silent = load.shares().silent;
        let lot = (self.now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u32;
        silent > 0 && (self.again || lot < silent)
    }
}

fn fate(load: &Load, class: Class, glance: &Glance<'_>, now: u64) -> Fate {
    match class {
        Class::Ack if is_of_refusal(glance) => return Fate::Absorbed,
        Class::Ack => return Fate::Admitted,
        Class::New | Class::Light if class::is_within_dialog(glance) => return Fate::Admitted,
        Class::New | Class::Light => {}
    }
    let (call, time) = (Call::of(glance.call_id), eighths(now));
    match call.verdict(time) {
        Some(Verdict::Admitted) => return Fate::Admitted,
        Some(Verdict::Refused) => return Fate::Refused { again: true },
        None => {}
    }
    let shares = load.shares();
    let share = match class {
        Class::Light => shares.light,
        Class::New | Class::Ack => shares.new,
    };
    if call.lot() < share {
        call.decide(time, Verdict::Refused);
        Fate::Refused { again: false }
    } else {
        call.decide(time, Verdict::Admitted);
        Fate::Admitted
    }
}

/// Whether an ACK has the tag that a stateless reply to its INVITE has: they share the topmost Via (RFC 3261
/// §17.1.1.3).
fn is_of_refusal(ack: &Glance<'_>) -> bool {
    ack.to_tag
        .is_some_and(|found| *found == tag::stateless().tag(Some(&ack.via)))
}

/// The cycle clock in eighths of a second.
fn eighths(now: u64) -> u32 {
    (cycles::to_us(now) / 125_000.0) as u64 as u32
}

/// Seconds after which a refused client may come back: between the configured number and twice of it, so that those
/// who were refused together do not come back together.
pub(super) fn retry_after(call: Call) -> u32 {
    let least = settings::get().overload_retry_after;
    least + call.lot() % (least + 1)
}
