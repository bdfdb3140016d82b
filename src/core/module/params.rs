//! Module parameters: values that `modparam` sets in the attendant and everybody reads.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

/// A number.
#[derive(Debug)]
pub struct IntParam {
    value: AtomicI64,
    default: i64,
}

impl IntParam {
    /// With its default.
    pub const fn new(default: i64) -> Self {
        IntParam {
            value: AtomicI64::new(default),
            default,
        }
    }
    /// The value.
    #[inline]
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }
    /// Sets it; later calls win.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }
    /// Sets its default again.
    pub fn reset(&self) {
        self.set(self.default);
    }
}

/// A string; `None` until it is set where the default is none.
pub struct StrParam {
    default: Option<&'static str>,
    value: AtomicPtr<Vec<u8>>,
}

impl StrParam {
    /// With its default.
    pub const fn new(default: &'static str) -> Self {
        StrParam {
            default: Some(default),
            value: AtomicPtr::new(std::ptr::null_mut()),
        }
    }
    /// Without a default.
    pub const fn none() -> Self {
        StrParam {
            default: None,
            value: AtomicPtr::new(std::ptr::null_mut()),
        }
    }
    /// The value; it lives as long as the process.
    #[inline]
    #[allow(unsafe_code)]
    pub fn get(&self) -> Option<&'static [u8]> {
        let set = self.value.load(Ordering::Acquire);
        if set.is_null() {
            return self.default.map(str::as_bytes);
        }
        // SAFETY: a non-null pointer comes from Box::leak in `set` and is never freed.
        Some(unsafe { &*set }.as_slice())
    }
    /// The value, empty where there is none.
    pub fn bytes(&self) -> &'static [u8] {
        self.get().unwrap_or(b"")
    }
    /// Sets it; later calls win. An earlier value that differs stays in memory (once per line of ser.cfg and change).
    pub fn set(&self, value: &[u8]) {
        let is_set = !self.value.load(Ordering::Acquire).is_null();
        if !is_set || self.get() != Some(value) {
            let leaked = Box::leak(Box::new(value.to_vec()));
            self.value.store(leaked, Ordering::Release);
        }
    }
    /// Takes its default again.
    pub fn reset(&self) {
        self.value.store(std::ptr::null_mut(), Ordering::Release);
    }
}

impl fmt::Debug for StrParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StrParam({})", String::from_utf8_lossy(self.bytes()))
    }
}
