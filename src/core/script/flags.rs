//! Names of message flags (`flags a, b:7`) and of attribute flags (`avpflags x`).
//!
//! Filled while ser.cfg is read and by modules when they are loaded, only read after a fork. Invariant: a name that
//! one configuration gave a number keeps it in the next one, unless that asks for another: messages and attributes in
//! shared memory outlive the configuration that they were marked under.

use crate::core::msg::MAX_FLAG;
use parking_lot::RwLock;

/// Most attribute flags: one bit each.
const MAX_AVP_FLAGS: usize = 31;

#[derive(Clone, Debug)]
struct Flag {
    name: String,
    number: u32,
    /// The configuration that is in force, or is being read, declares it.
    declared: bool,
}

#[derive(Clone, Debug)]
struct AvpFlag {
    name: String,
    declared: bool,
    of_module: bool,
}

static FLAGS: RwLock<Vec<Flag>> = RwLock::new(Vec::new());
/// The position is the bit.
static AVP_FLAGS: RwLock<Vec<AvpFlag>> = RwLock::new(Vec::new());

/// The flags of one configuration.
#[derive(Clone, Debug)]
pub struct DeclaredFlags {
    flags: Vec<Flag>,
    avp_flags: Vec<String>,
}

/// Declares a message flag; without a number it gets the one it had, or the first one that no name has. `Ok(true)`:
/// the number had a name already (worth a warning).
pub fn declare_flag(name: &str, number: Option<i64>) -> Result<bool, String> {
    let mut flags = FLAGS.write();
    let known = flags.iter().position(|flag| flag.name == name);
    if known.is_some_and(|at| flags[at].declared) {
        return Err(format!("duplicate flag name {name}"));
    }
    let number = match (number, known) {
        (Some(n @ 0..=MAX_FLAG), _) => n as u32,
        (Some(n), _) => return Err(format!("message flag {n} too high; MAX={MAX_FLAG}")),
        (None, Some(at)) if !is_used(&flags, flags[at].number) => flags[at].number,
        (None, _) => free_number(&flags).ok_or("all 32 message flags have names")?,
    };
    let again = is_used(&flags, number);
    flags.retain(|flag| flag.declared || (flag.name != name && flag.number != number));
    flags.push(Flag {
        name: name.to_owned(),
        number,
        declared: true,
    });
    Ok(again)
}

fn is_used(flags: &[Flag], number: u32) -> bool {
    flags.iter().any(|f| f.declared && f.number == number)
}

/// A number that no name has, or had before.
fn free_number(flags: &[Flag]) -> Option<u32> {
    let mut numbers = 0..=MAX_FLAG as u32;
    let fresh = numbers.find(|n| flags.iter().all(|f| f.number != *n));
    fresh.or_else(|| (0..=MAX_FLAG as u32).find(|n| !is_used(flags, *n)))
}

/// The number of a named message flag.
pub fn flag_number(name: &str) -> Option<u32> {
    let flags = FLAGS.read();
    let mut declared = flags.iter().filter(|flag| flag.declared);
    declared.find(|flag| flag.name == name).map(|f| f.number)
}

/// The name of a message flag.
pub fn flag_name(number: u32) -> Option<String> {
    let flags = FLAGS.read();
    let mut declared = flags.iter().filter(|flag| flag.declared);
    let found = declared.find(|flag| flag.number == number);
    found.map(|flag| flag.name.clone())
}

/// Names of all message flags, for suggestions.
pub fn flag_names() -> Vec<String> {
    let flags = FLAGS.read();
    let declared = flags.iter().filter(|flag| flag.declared);
    declared.map(|flag| flag.name.clone()).collect()
}

/// Declares an attribute flag for a module (names in any case) and gives its bit; a known name gives the same bit.
pub fn declare_avp_flag(name: &str) -> Result<u32, String> {
    declare(name, true)
}

/// The same for a line of ser.cfg.
pub fn declare_avp_flag_of_file(name: &str) -> Result<u32, String> {
    declare(name, false)
}

fn declare(name: &str, of_module: bool) -> Result<u32, String> {
    let mut flags = AVP_FLAGS.write();
    let known = flags.iter().position(|f| f.name.eq_ignore_ascii_case(name));
    let bit = match known {
        Some(bit) => bit,
        None if flags.len() >= MAX_AVP_FLAGS => {
            return Err(format!("more than {MAX_AVP_FLAGS} avpflags"));
        }
        None => {
            flags.push(AvpFlag {
                name: name.to_ascii_lowercase(),
                declared: false,
                of_module: false,
            });
            flags.len() - 1
        }
    };
    flags[bit].declared = true;
    flags[bit].of_module |= of_module;
    Ok(1 << bit)
}

/// Names of all attribute flags, for suggestions.
pub fn avp_flag_names() -> Vec<String> {
    let flags = AVP_FLAGS.read();
    let declared = flags.iter().filter(|flag| flag.declared);
    declared.map(|flag| flag.name.clone()).collect()
}

/// The bit of a declared attribute flag.
pub fn avp_flag(name: &str) -> Option<u32> {
    let flags = AVP_FLAGS.read();
    let is_it = |flag: &AvpFlag| flag.declared && flag.name.eq_ignore_ascii_case(name);
    flags.iter().position(is_it).map(|bit| 1 << bit)
}

/// Another file is going to be read: nothing is declared any more but what modules declared.
pub(super) fn forget() {
    FLAGS.write().iter_mut().for_each(|f| f.declared = false);
    let mut avp_flags = AVP_FLAGS.write();
    avp_flags.iter_mut().for_each(|f| f.declared = f.of_module);
}

/// What is declared now.
pub(super) fn declared() -> DeclaredFlags {
    let flags = FLAGS.read();
    let flags = flags.iter().filter(|flag| flag.declared);
    DeclaredFlags {
        flags: flags.cloned().collect(),
        avp_flags: avp_flag_names(),
    }
}

/// Declares what was declared then, and nothing else.
pub(super) fn declare_again(then: &DeclaredFlags) {
    forget();
    let mut flags = FLAGS.write();
    flags.retain(|flag| {
        then.flags
            .iter()
            .all(|f| f.number != flag.number && f.name != flag.name)
    });
    flags.extend(then.flags.iter().cloned());
    for flag in AVP_FLAGS.write().iter_mut() {
        flag.declared |= then.avp_flags.contains(&flag.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test: the names are those of the whole program.
    #[test]
    fn names_keep_their_numbers_in_the_next_configuration() {
        let number = |name: &str| {
            declare_flag(name, None).unwrap();
            flag_number(name).unwrap()
        };
        let (a, b) = (number("fl_a"), number("fl_b"));
        let bit = declare_avp_flag_of_file("fl_avp").unwrap();
        let of_module = declare_avp_flag("fl_module").unwrap();
        let then = declared();
        forget();
        assert_eq!((flag_number("fl_a"), avp_flag("fl_avp")), (None, None));
        assert_eq!(avp_flag("fl_module"), Some(of_module));
        let c = number("fl_c");
        assert!(
            c != a && c != b,
            "the numbers of others are not taken first"
        );
        assert_eq!((number("fl_b"), number("fl_a")), (b, a));
        assert_ne!(declare_avp_flag_of_file("fl_new").unwrap(), bit);
        assert_eq!(declare_avp_flag_of_file("FL_avp"), Ok(bit));
        declare_again(&then);
        assert_eq!((flag_number("fl_a"), flag_number("fl_c")), (Some(a), None));
        assert_eq!((avp_flag("fl_avp"), avp_flag("fl_new")), (Some(bit), None));
    }
}
