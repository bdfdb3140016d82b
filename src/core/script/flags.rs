//! Names of message flags (`flags a, b:7`) and of attribute flags (`avpflags x`).
//!
//! Filled while ser.cfg is read and by modules in `init`, only read after the first fork.

use crate::core::msg::MAX_FLAG;
use parking_lot::RwLock;

static FLAGS: RwLock<Vec<(String, u32)>> = RwLock::new(Vec::new());
static AVP_FLAGS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Declares a message flag; without a number it gets the first one that has no name. `Ok(true)`: the
/// number had a name already (worth a warning).
pub fn declare_flag(name: &str, number: Option<i64>) -> Result<bool, String> {
    let mut flags = FLAGS.write();
    if flags.iter().any(|(known, _)| known == name) {
        return Err(format!("duplicate flag name {name}"));
    }
    let used = |n: u32| flags.iter().any(|(_, known)| *known == n);
    let number = match number {
        Some(n @ 0..=MAX_FLAG) => n as u32,
        Some(n) => return Err(format!("message flag {n} too high; MAX={MAX_FLAG}")),
        None => (0..=MAX_FLAG as u32)
            .find(|n| !used(*n))
            .ok_or("all 32 message flags have names")?,
    };
    let again = used(number);
    flags.push((name.to_owned(), number));
    Ok(again)
}

/// The number of a named message flag.
pub fn flag_number(name: &str) -> Option<u32> {
    FLAGS
        .read()
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, n)| *n)
}

/// The name of a message flag.
pub fn flag_name(number: u32) -> Option<String> {
    let flags = FLAGS.read();
    let found = flags.iter().find(|(_, n)| *n == number);
    found.map(|(name, _)| name.clone())
}

/// Names of all message flags, for suggestions.
pub fn flag_names() -> Vec<String> {
    FLAGS.read().iter().map(|(name, _)| name.clone()).collect()
}

/// Declares an attribute flag (names in any case) and gives its bit; a known name gives the same bit.
pub fn declare_avp_flag(name: &str) -> Result<u32, String> {
    if let Some(bit) = avp_flag(name) {
        return Ok(bit);
    }
    let mut flags = AVP_FLAGS.write();
    if flags.len() >= 31 {
        return Err("more than 31 avpflags".into());
    }
    flags.push(name.to_ascii_lowercase());
    Ok(1 << (flags.len() - 1))
}

/// Names of all attribute flags, for suggestions.
pub fn avp_flag_names() -> Vec<String> {
    AVP_FLAGS.read().clone()
}

/// The bit of a declared attribute flag.
pub fn avp_flag(name: &str) -> Option<u32> {
    AVP_FLAGS
        .read()
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
        .map(|i| 1 << i)
}
