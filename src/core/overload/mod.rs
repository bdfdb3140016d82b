//! What is done when more comes than the receivers can take: requests that would begin something new are answered
//! with 503 before they are parsed, so that what is under way goes on (RFC 5390; RFC 6357 §5.1 "local" control by
//! a share of the load; RFC 3261 §21.5.4).
//!
//! Receivers look at the queue of their socket, the more often the more they work, and never while they are idle
//! ([`gate`]). How full it is, or how long datagrams wait in it, is the *pressure* ([`control`]). Pressure that
//! lasts makes the socket overloaded; from then on the pressure of each moment says what share of the new requests is
//! refused, so that the queue stays between its mark and its end instead of swinging. Every receiver of a
//! socket sees the same state, in shared memory ([`load`]); while all is calm it costs one load of a word.
//!
//! A Call-ID that was refused or let in stays so for some seconds ([`verdicts`]): a retransmission does not
//! get another answer than its request.

mod class;
mod control;
mod gate;
mod load;
mod look;
mod metrics;
mod rpc;
mod verdicts;

pub(in crate::core) use gate::Gate;
pub use metrics::METRICS;

use crate::core::forward::text::push_number;
use crate::core::msg::{BumpVec, ReplyLump, ReplyLumpKind, SipMsg};
use crate::core::net::SocketInfo;
use crate::core::rpc::register_core;
use crate::core::settings::{self, Settings};
use crate::core::stats;
use crate::core::time::{TICKS_HZ, register_handler, timer_begin};
use crate::ipc::{ShmTag, shm_static};
use std::sync::atomic::Ordering::Relaxed;

/// Ticks between two looks at sockets that are under pressure when nobody receives from them.
const SWEEP: u32 = 2 * TICKS_HZ;

/// Has the reply to `msg`, which is refused for want of something that may be there later, tell when to come back (RFC 3261
/// §20.33): as a request that is refused by this module.
pub fn ask_to_wait(msg: &mut SipMsg<'_>) {
    let call_id = msg.sip.call_id().unwrap_or_default();
    let seconds = gate::retry_after(verdicts::Call::of(call_id));
    if seconds == 0 {
        return;
    }
    let mut line = BumpVec::with_capacity_in(24, msg.arena);
    line.extend_from_slice_copy(b"Retry-After: ");
    push_number(&mut line, seconds.into());
    line.extend_from_slice_copy(b"\r\n");
    msg.reply_lumps.push(ReplyLump {
        kind: ReplyLumpKind::Header,
        text: line.into_bump_slice(),
    });
}

/// How many requests to this socket were not let in; 0 where it is switched off.
pub(in crate::core) fn refused_by(socket: &SocketInfo) -> u64 {
    load::of(socket).map_or(0, |load| {
        load.refused.load(Relaxed) + load.dropped.load(Relaxed)
    })
}

/// How long datagrams wait in this socket when requests begin to be refused, in seconds; `None`: they are not.
pub(in crate::core) fn refused_after(socket: &SocketInfo) -> Option<f64> {
    load::of(socket)?;
    let ms = settings::get().overload_delay;
    (ms > 0).then(|| f64::from(ms) / 1000.0)
}

/// Makes what receivers share. In the attendant, once settings, segment and timers are there.
pub(in crate::core) fn create(settings: &Settings) -> Result<(), String> {
    register_core(rpc::METHODS);
    stats::metrics::register(METRICS);
    if !settings.overload_control {
        return Ok(());
    }
    let full = |_| "out of shared memory for overload control".to_string();
    load::create().map_err(full)?;
    verdicts::create().map_err(full)?;
    let sweep =
        register_handler("overload: sweep", look::sweep).ok_or("too many timer handlers")?;
    // The timer process wakes for each tick anyway.
    let timer = shm_static(sweep.fast_timer(0), ShmTag::CORE).map_err(full)?;
    timer_begin(timer, SWEEP).map_err(|e| e.to_string())
}
