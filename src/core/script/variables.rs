//! Variables that the operator invents: `group.name = value` in ser.cfg, `@cfg_get.group.name` in the
//! script.
//!
//! Filled while ser.cfg is read, only read after a fork.

use parking_lot::RwLock;

#[derive(Clone, Debug)]
pub(super) struct Variable {
    group: String,
    name: String,
    value: &'static [u8],
}

static VARIABLES: RwLock<Vec<Variable>> = RwLock::new(Vec::new());
/// Every value that a variable ever had, once: selects keep references to them.
static VALUES: RwLock<Vec<&'static [u8]>> = RwLock::new(Vec::new());

/// Declares a variable; `false` if there is one of that name. Names are compared without regard to case,
/// as those of selects are.
pub fn declare_variable(group: &str, name: &str, value: Vec<u8>) -> bool {
    if variable(group, name).is_some() {
        return false;
    }
    VARIABLES.write().push(Variable {
        group: group.to_owned(),
        name: name.to_owned(),
        value: keep(value),
    });
    true
}

fn keep(value: Vec<u8>) -> &'static [u8] {
    let mut values = VALUES.write();
    if let Some(known) = values.iter().find(|known| ***known == *value) {
        return known;
    }
    let value = Box::leak(value.into_boxed_slice());
    values.push(value);
    value
}

/// The value of a variable.
pub fn variable(group: &str, name: &str) -> Option<&'static [u8]> {
    let variables = VARIABLES.read();
    let found = variables.iter().find(|variable| {
        variable.group.eq_ignore_ascii_case(group) && variable.name.eq_ignore_ascii_case(name)
    });
    found.map(|variable| variable.value)
}

/// Another file is going to be read.
pub(super) fn forget() {
    VARIABLES.write().clear();
}

/// All that are declared now.
pub(super) fn declared() -> Vec<Variable> {
    VARIABLES.read().clone()
}

/// Declares what was declared then, and nothing else.
pub(super) fn declare_again(then: &[Variable]) {
    *VARIABLES.write() = then.to_vec();
}
