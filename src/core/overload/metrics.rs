//! The metrics of overload control; without it (`overload_control=no`) they have no values.

use super::control::{ALL, Phase};
use super::load::{self, Load};
use super::look::look;
use crate::core::net::{Proto, all_sockets};
use crate::core::stats::metrics::{Family, Kind, Samples};
use crate::core::stats::{Counter, cycles, total};
use std::sync::atomic::Ordering::Relaxed;

/// The table.
pub const METRICS: &[Family] = &[
    Family {
        name: "ser_overload_active",
        kind: Kind::Gauge,
        labels: &["socket"],
        help: "1 while a socket is overloaded, else 0.",
        sample: |s| {
            each_socket(s, |load| {
                f64::from(u8::from(load.phase() == Phase::Overloaded))
            })
        },
    },
    Family {
        name: "ser_overload_refused_ratio",
        kind: Kind::Gauge,
        labels: &["socket"],
        help: "What part of the requests that would begin something new is refused at this moment, from 0 to 1.",
        sample: |s| each_socket(s, |load| f64::from(load.shares().new) / f64::from(ALL)),
    },
    Family {
        name: "ser_overload_wait_seconds",
        kind: Kind::Gauge,
        labels: &["socket"],
        help: "How long the last datagram waited in the queue of a socket, once the queue is more than short; else 0.",
        sample: |s| each_socket(s, |load| load.reading().waited.as_secs_f64()),
    },
    Family {
        name: "ser_overload_begun",
        kind: Kind::Counter,
        labels: &["socket"],
        help: "How often a socket became overloaded.",
        sample: |s| each_socket(s, |load| load.overloads().into()),
    },
    Family {
        name: "ser_overload_refused_requests",
        kind: Kind::Counter,
        labels: &["socket"],
        help: "Requests answered with 503 before they were parsed.",
        sample: |s| each_socket(s, |load| load.refused.load(Relaxed) as f64),
    },
    Family {
        name: "ser_overload_dropped_requests",
        kind: Kind::Counter,
        labels: &["socket"],
        help: "Requests that did not even get that answer.",
        sample: |s| each_socket(s, |load| load.dropped.load(Relaxed) as f64),
    },
    Family {
        name: "ser_overload_absorbed_acks",
        kind: Kind::Counter,
        labels: &[],
        help: "ACKs of such answers.",
        sample: |s| s.int(&[], total(Counter::OverloadAcks)),
    },
];

/// Of now, and not of when somebody received last.
fn each_socket(samples: &mut Samples<'_>, value: impl Fn(&Load) -> f64) {
    for socket in all_sockets().filter(|socket| socket.proto == Proto::Udp) {
        if let Some(load) = load::of(socket) {
            look(socket, load, cycles::now(), 1);
            samples.float(&[&socket.label()], value(load));
        }
    }
}
