//! Replies that are not there yet, of a transport that has no connections: each with the place where it is to go.

use super::{RpcEnd, RpcFault, RpcRest};

/// Most that are waited for at once.
const MOST: usize = 256;

/// All of them; `T` says where one goes.
pub struct LateReplies<T> {
    all: Vec<(RpcRest, T)>,
}

impl<T> Default for LateReplies<T> {
    fn default() -> Self {
        LateReplies { all: Vec::new() }
    }
}

impl<T> LateReplies<T> {
    /// Whether none is waited for.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Keeps one. Where there are too many already it is given up: the place comes back with what to say there.
    pub fn keep(&mut self, rest: RpcRest, to: T) -> Result<(), (T, RpcEnd)> {
        if self.all.len() < MOST {
            self.all.push((rest, to));
            return Ok(());
        }
        let why =
            "Too many replies are waited for: what was asked for goes on, its reply is not told";
        let end = RpcEnd {
            values: Vec::new(),
            result: Err(RpcFault::new(503, why)),
        };
        Err((to, end))
    }

    /// Sends those that are there by now, and forgets those that nobody waits for any more.
    pub fn send(&mut self, has_gone: impl Fn(&T) -> bool, mut send: impl FnMut(&mut T, RpcEnd)) {
        self.all.retain_mut(|(rest, to)| {
            if has_gone(to) {
                return false;
            }
            match rest() {
                Some(end) => {
                    send(to, end);
                    false
                }
                None => true,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> RpcRest {
        Box::new(|| None)
    }

    #[test]
    fn replies_are_sent_once_they_are_there_and_not_to_those_who_have_gone() {
        let mut late = LateReplies::default();
        let mut looks = 2;
        let third_time: RpcRest = Box::new(move || {
            looks -= 1;
            let end = RpcEnd {
                values: Vec::new(),
                result: Ok(()),
            };
            (looks < 0).then_some(end)
        });
        assert!(late.keep(third_time, "a").is_ok() && late.keep(never(), "b").is_ok());
        let mut sent = Vec::new();
        for gone in ["", "b", "b", ""] {
            late.send(|to| *to == gone, |to, _| sent.push(*to));
        }
        assert_eq!(sent, ["a"]);
        assert!(late.is_empty());
    }

    #[test]
    fn who_is_one_too_many_is_told() {
        let mut late = LateReplies::default();
        for n in 0..MOST {
            assert!(late.keep(never(), n).is_ok());
        }
        let (to, end) = late.keep(never(), MOST).unwrap_err();
        assert_eq!((to, end.result.unwrap_err().code), (MOST, 503));
    }
}
