//! A value of the configuration: the attendant may replace it while the server runs, every other process keeps the
//! one that it was forked with.
//!
//! Invariant: [`InForce::get`] gives one value for the life of a process that called [`InForce::keep`], so that
//! what a message has begun under one configuration it ends under the same.

use parking_lot::RwLock;
use std::sync::OnceLock;

/// The value. All that ever were in force live for good, each once, as references to them do; what is large has
/// other means.
#[derive(Debug)]
pub struct InForce<T: 'static> {
    /// The last one is in force.
    all: RwLock<Vec<&'static T>>,
    kept: OnceLock<&'static T>,
}

impl<T> Default for InForce<T> {
    fn default() -> Self {
        InForce::new()
    }
}

impl<T> InForce<T> {
    /// There is none yet.
    pub const fn new() -> InForce<T> {
        InForce {
            all: RwLock::new(Vec::new()),
            kept: OnceLock::new(),
        }
    }
}

impl<T: PartialEq> InForce<T> {
    /// The one in force.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        match self.kept.get() {
            Some(kept) => Some(kept),
            None => self.all.read().last().copied(),
        }
    }

    /// Puts another in force, here and in processes that are forked from now on.
    pub fn put(&self, value: T) -> &'static T {
        let mut all = self.all.write();
        let known = all.iter().position(|known| **known == value);
        let value = match known {
            Some(at) => all.remove(at),
            None => Box::leak(Box::new(value)),
        };
        all.push(value);
        value
    }

    /// This process keeps the one that is in force now.
    pub fn keep(&self) {
        if let Some(latest) = self.get() {
            self.kept.get_or_init(|| latest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_value_is_seen_until_one_is_kept() {
        static VALUE: InForce<u32> = InForce::new();
        assert_eq!(VALUE.get(), None);
        let first = VALUE.put(1);
        VALUE.put(2);
        assert_eq!(VALUE.get(), Some(&2));
        assert!(std::ptr::eq(first, VALUE.put(1)), "no memory for the same");
        VALUE.keep();
        VALUE.put(3);
        assert_eq!(VALUE.get(), Some(&1));
    }
}
