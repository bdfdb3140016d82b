//! How a type looks in memory, as a number: a later program may go on with the objects in a segment that an
//! earlier one has made only if both see the same in their bytes.
//!
//! The number comes from names, types and places of fields, so it changes by itself with a definition or with what the
//! compiler makes of it. What stays is a field that keeps its look and changes its meaning: whoever does that gives it
//! another name, or raises [`super::LAYOUT_VERSION`].

/// The number of a type without parts.
pub const fn plain(size: usize, align: usize) -> u64 {
    mix(mix(text("plain"), size as u64), align as u64)
}

/// Joins two numbers; the order counts.
pub const fn mix(hash: u64, value: u64) -> u64 {
    let bytes = value.to_le_bytes();
    fold(hash, &bytes)
}

/// The number of a name.
pub const fn text(text: &str) -> u64 {
    bytes(text.as_bytes())
}

/// The number of some bytes; the same in every program.
pub const fn bytes(bytes: &[u8]) -> u64 {
    fold(0xcbf2_9ce4_8422_2325, bytes)
}

/// FNV-1a.
const fn fold(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use crate::ipc::{ShmBox, ShmList, ShmSafe, ShmStr};

    mod one {
        crate::shm_struct! { pub struct Record { pub a: u32, pub b: u64 } }
        crate::shm_enum! { pub enum Kind { A, B } }
    }
    mod same {
        crate::shm_struct! { pub struct Record { pub a: u32, pub b: u64 } }
        crate::shm_enum! { pub enum Kind { A, B } }
    }
    mod renamed {
        crate::shm_struct! { pub struct Record { pub a: u32, pub c: u64 } }
        crate::shm_enum! { pub enum Kind { B, A } }
    }
    mod retyped {
        crate::shm_struct! { pub struct Record { pub a: f32, pub b: u64 } }
    }

    fn of<T: ShmSafe>() -> u64 {
        T::LAYOUT
    }

    #[test]
    fn types_that_look_the_same_have_one_number() {
        assert_eq!(of::<one::Record>(), of::<same::Record>());
        assert_eq!(of::<one::Kind>(), of::<same::Kind>());
        assert_eq!(
            of::<Option<ShmList<one::Record>>>(),
            of::<Option<ShmList<same::Record>>>()
        );
    }

    #[test]
    fn another_name_type_or_order_is_another_number_also_behind_a_handle() {
        assert_ne!(of::<one::Record>(), of::<renamed::Record>());
        assert_ne!(of::<one::Record>(), of::<retyped::Record>());
        assert_ne!(of::<one::Kind>(), of::<renamed::Kind>());
        assert_ne!(of::<ShmBox<one::Record>>(), of::<ShmBox<renamed::Record>>());
        assert_ne!(of::<ShmBox<u64>>(), of::<ShmList<u64>>());
        assert_ne!(of::<[u64; 2]>(), of::<[u64; 3]>());
        assert_ne!(of::<ShmStr>(), of::<u128>());
    }
}
