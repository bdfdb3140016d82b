//! What may be stored in shared memory.
//!
//! [`ShmSafe`] marks types whose bytes mean the same in every process: no heap pointers, no file
//! descriptors, no pointers into code (a later binary maps the segment at another address), no
//! references. The macros [`shm_struct!`](crate::shm_struct) and [`shm_enum!`](crate::shm_enum)
//! implement it after checking every field, so that code outside of `ipc` needs no `unsafe`.

#![allow(unsafe_code)]

use std::marker::{PhantomData, PhantomPinned};
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};

use super::layout;
use super::mutex::{RawShmMutex, ShmMutex};

/// A type that may live in shared memory.
///
/// # Safety
/// A value must be usable by every process that maps the segment, at whatever address: it holds
/// no address, no descriptor, nothing that belongs to one process.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not live in shared memory",
    note = "use ShmStr, ShmVec, ShmBox, ShmList or plain numbers; define structs with shm_struct!"
)]
pub unsafe trait ShmSafe: Sized + 'static {
    /// How it looks in memory ([`super::layout`]). A type whose parts are no types of this trait changes its name
    /// or [`super::LAYOUT_VERSION`] with them.
    const LAYOUT: u64 = layout::mix(
        layout::plain(size_of::<Self>(), align_of::<Self>()),
        layout::text("opaque"),
    );
}

/// A type of which zero bytes are a value, such as a counter.
///
/// # Safety
/// Memory that is all zero is a valid value.
pub unsafe trait ShmZero: ShmSafe {}

// SAFETY: plain numbers.
unsafe impl ShmZero for AtomicU32 {}
// SAFETY: as above.
unsafe impl ShmZero for AtomicU64 {}
// SAFETY: as above.
unsafe impl ShmZero for AtomicI64 {}
// SAFETY: made of values that are so themselves.
unsafe impl<T: ShmZero, const N: usize> ShmZero for [T; N] {}

macro_rules! shm_safe {
    ($($t:ty),* $(,)?) => {
        $(
            // SAFETY: a plain number without meaning as an address.
            unsafe impl ShmSafe for $t {
                const LAYOUT: u64 = layout::mix(
                    layout::plain(size_of::<$t>(), align_of::<$t>()),
                    layout::text(stringify!($t)),
                );
            }
        )*
    };
}

shm_safe!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    AtomicBool,
    AtomicU8,
    AtomicU16,
    AtomicU32,
    AtomicU64,
    AtomicUsize,
    AtomicI8,
    AtomicI16,
    AtomicI32,
    AtomicI64,
    AtomicIsize,
    RawShmMutex,
    PhantomPinned,
    std::net::Ipv4Addr,
    std::net::Ipv6Addr,
    std::net::IpAddr,
    std::net::SocketAddrV4,
    std::net::SocketAddrV6,
    std::net::SocketAddr,
    std::time::Duration,
);

// SAFETY: made of values that are safe themselves.
unsafe impl<T: ShmSafe, const N: usize> ShmSafe for [T; N] {
    const LAYOUT: u64 = layout::mix(layout::mix(layout::text("array"), N as u64), T::LAYOUT);
}
// SAFETY: as above.
unsafe impl<T: ShmSafe> ShmSafe for Option<T> {
    const LAYOUT: u64 = layout::mix(
        layout::mix(layout::text("option"), size_of::<Self>() as u64),
        T::LAYOUT,
    );
}
// SAFETY: as above; the word of the mutex names a process slot, which all processes understand.
unsafe impl<T: ShmSafe> ShmSafe for ShmMutex<T> {
    const LAYOUT: u64 = layout::mix(
        layout::mix(layout::text("mutex"), size_of::<Self>() as u64),
        T::LAYOUT,
    );
}
// SAFETY: as above.
unsafe impl<T: ShmSafe> ShmSafe for std::cell::Cell<T> {
    const LAYOUT: u64 = layout::mix(
        layout::mix(layout::text("cell"), size_of::<Self>() as u64),
        T::LAYOUT,
    );
}
// SAFETY: as above.
unsafe impl<T: ShmSafe> ShmSafe for std::cell::UnsafeCell<T> {
    const LAYOUT: u64 = layout::mix(
        layout::mix(layout::text("cell"), size_of::<Self>() as u64),
        T::LAYOUT,
    );
}
// SAFETY: no value at all.
unsafe impl<T: 'static> ShmSafe for PhantomData<T> {}

macro_rules! shm_safe_tuples {
    ($(($($t:ident),+))*) => {
        $(
            // SAFETY: made of values that are safe themselves.
            unsafe impl<$($t: ShmSafe),+> ShmSafe for ($($t,)+) {
                const LAYOUT: u64 = {
                    let mut hash = layout::plain(size_of::<Self>(), align_of::<Self>());
                    $( hash = layout::mix(hash, $t::LAYOUT); )+
                    hash
                };
            }
        )*
    };
}

shm_safe_tuples!((A)(A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E)(
    A, B, C, D, E, F
));

/// Defines a struct that may live in shared memory: each field's type must be [`ShmSafe`].
///
/// ```
/// ser::shm_struct! {
///     /// One registered phone.
///     #[derive(Debug)]
///     pub struct Contact {
///         /// Where it is.
///         pub uri: ser::ipc::ShmStr,
///         /// When it ends, in seconds of the Unix clock.
///         pub expires: u64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! shm_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $ty),* }

        const _: () = {
            // SAFETY: every field is ShmSafe, which the bounds make the compiler check.
            #[allow(unsafe_code)]
            unsafe impl $crate::ipc::ShmSafe for $name
            where
                $($ty: $crate::ipc::ShmSafe),*
            {
                const LAYOUT: u64 = {
                    use $crate::ipc::layout::{mix, plain, text};
                    let hash = plain(size_of::<$name>(), align_of::<$name>());
                    $(
                        let hash = mix(hash, text(stringify!($field)));
                        let hash = mix(hash, std::mem::offset_of!($name, $field) as u64);
                        let hash = mix(hash, <$ty as $crate::ipc::ShmSafe>::LAYOUT);
                    )*
                    hash
                };
            }
        };
    };
}

/// Defines a struct of counters for [`ShmRows`](crate::ipc::ShmRows): zero at the start, each field
/// [`ShmZero`].
#[macro_export]
macro_rules! shm_counters {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty),* $(,)?
    }) => {
        $crate::shm_struct! {
            $(#[$meta])*
            $vis struct $name { $($(#[$fmeta])* $fvis $field: $ty),* }
        }

        const _: () = {
            // SAFETY: every field may be zero, which the bounds make the compiler check.
            #[allow(unsafe_code)]
            unsafe impl $crate::ipc::ShmZero for $name where $($ty: $crate::ipc::ShmZero),* {}
        };
    };
}

/// Defines an enum without data that may live in shared memory.
#[macro_export]
macro_rules! shm_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$vmeta:meta])* $variant:ident $(= $value:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$vmeta])* $variant $(= $value)?),* }

        const _: () = {
            // SAFETY: the variants hold no data (the macro's pattern), so a value is a number.
            #[allow(unsafe_code)]
            unsafe impl $crate::ipc::ShmSafe for $name {
                const LAYOUT: u64 = {
                    use $crate::ipc::layout::{mix, plain, text};
                    let hash = plain(size_of::<$name>(), align_of::<$name>());
                    $(
                        let hash = mix(hash, text(stringify!($variant)));
                        let hash = mix(hash, $name::$variant as u64);
                    )*
                    hash
                };
            }
        };
    };
}
