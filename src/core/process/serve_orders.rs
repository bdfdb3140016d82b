//! The attendant's side of [`super::orders`]: takes them, carries them out, and answers when it is so.

use super::attendant::Attendant;
use super::orders::{self, Answer, Order, Ticket, Verb};
use super::reload::Attempt;
use super::replace::Replaced;
use super::scale::Concerned;
use crate::core::rpc::RpcFault;
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// So long an answer may wait until the processes are as they were ordered to be; then it tells how far they
/// are.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for another configuration: all processes are replaced one after the other.
const PATIENCE_OF_ALL: Duration = Duration::from_secs(50);
/// A place that could not be looked at is looked at again after this.
const AGAIN: Duration = Duration::from_millis(10);

/// What is carried out.
#[derive(Debug)]
enum Work {
    /// Receivers come and go.
    Children(Concerned),
    /// A process was killed.
    Replace(Replaced),
    /// Another configuration.
    Reload(Attempt),
    /// Nothing is left to do but to answer.
    Done(Answer),
}

#[derive(Debug)]
struct Open {
    ticket: Ticket,
    work: Work,
    until: Instant,
}

/// The orders that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct OpenOrders {
    open: Vec<Open>,
    look_again: bool,
}

impl OpenOrders {
    /// How long until they have to be looked at, even if nothing happens; `None`: there are none.
    pub(super) fn next_look(&self, now: Instant) -> Option<Duration> {
        let again = self.look_again.then_some(AGAIN);
        let until = self
            .open
            .iter()
            .map(|o| o.until.saturating_duration_since(now));
        again.into_iter().chain(until).min()
    }
}

impl Attendant {
    /// Takes what was ordered, and begins it.
    pub(super) fn take_orders(&mut self) {
        let (taken, missed) = orders::take();
        for order in taken {
            let work = self.begin(&order);
            let patience = match &work {
                Work::Reload(_) => PATIENCE_OF_ALL,
                Work::Children(_) | Work::Replace(_) | Work::Done(_) => PATIENCE,
            };
            self.open_orders.open.push(Open {
                ticket: order.ticket,
                work,
                until: Instant::now() + patience,
            });
        }
        self.open_orders.look_again = missed;
    }

    /// Answers what is carried out.
    pub(super) fn answer_orders(&mut self) {
        for mut open in std::mem::take(&mut self.open_orders.open) {
            let impatient = Instant::now() >= open.until;
            if let Some(answer) = self.answer_to(&open.work, impatient) {
                if orders::answer(open.ticket, &answer) {
                    continue;
                }
                open.work = Work::Done(answer);
                self.open_orders.look_again = true;
            }
            self.open_orders.open.push(open);
        }
    }

    /// Answers everything that is open, as it is now, but what waits for `attempt`.
    pub(super) fn answer_all_but(&mut self, attempt: Attempt) {
        let now = Instant::now();
        let mut kept = Vec::new();
        let open = &mut self.open_orders.open;
        open.retain(|o| {
            let waits = matches!(o.work, Work::Reload(own) if own == attempt);
            if waits {
                kept.push((o.ticket, o.until));
            }
            !waits
        });
        open.iter_mut().for_each(|o| o.until = now);
        self.answer_until_all_are();
        let waiting = |(ticket, until)| Open {
            ticket,
            work: Work::Reload(attempt),
            until,
        };
        self.open_orders.open = kept.into_iter().map(waiting).collect();
    }

    /// Another program is in office: tells who has ordered it.
    pub(super) fn end_upgrade(&mut self, attempt: Attempt, pid: Pid) {
        self.reloading.generation += 1;
        let generation = self.reloading.generation;
        let answer = Ok(format!("{generation}\n{pid}").into_bytes());
        self.reloading.end(attempt, answer);
        self.answer_until_all_are();
    }

    fn answer_until_all_are(&mut self) {
        for _ in 0..100 {
            self.answer_orders();
            if self.open_orders.open.is_empty() {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    }

    fn begin(&mut self, order: &Order) -> Work {
        let begun = match order.verb {
            Verb::Children => self.order_children(&order.text).map(Work::Children),
            Verb::Replace => self.order_replace(&order.text).map(Work::Replace),
            Verb::Reload => self.reload().map(Work::Reload),
            Verb::RollBack => self.roll_back().map(Work::Reload),
            Verb::Upgrade => self.upgrade().map(Work::Reload),
            Verb::Generation => Ok(Work::Done(self.generation_answer())),
        };
        begun.unwrap_or_else(|fault| Work::Done(Err(fault)))
    }

    fn answer_to(&self, work: &Work, impatient: bool) -> Option<Answer> {
        match work {
            Work::Children(concerned) => self.children_answer(*concerned, impatient),
            Work::Replace(replaced) => self.replace_answer(*replaced, impatient),
            Work::Reload(attempt) => {
                let why =
                    "The new configuration is in force, but not all processes are replaced yet";
                let late = impatient.then(|| Err(RpcFault::new(504, why)));
                self.reloading.answer(*attempt).or(late)
            }
            Work::Done(answer) => Some(answer.clone()),
        }
    }
}
