//! Variables that the operator invents: `group.name = value` in ser.cfg, `@cfg_get.group.name` in the
//! script.
//!
//! Filled while ser.cfg is read, only read after the first fork.

use parking_lot::RwLock;

struct Variable {
    group: String,
    name: String,
    value: &'static [u8],
}

static VARIABLES: RwLock<Vec<Variable>> = RwLock::new(Vec::new());

/// Declares a variable; `false` if there is one of that name. Names are compared without regard to case,
/// as those of selects are.
pub fn declare_variable(group: &str, name: &str, value: Vec<u8>) -> bool {
    if variable(group, name).is_some() {
        return false;
    }
    VARIABLES.write().push(Variable {
        group: group.to_owned(),
        name: name.to_owned(),
        value: Box::leak(value.into_boxed_slice()),
    });
    true
}

/// The value of a variable.
pub fn variable(group: &str, name: &str) -> Option<&'static [u8]> {
    let variables = VARIABLES.read();
    let found = variables.iter().find(|variable| {
        variable.group.eq_ignore_ascii_case(group) && variable.name.eq_ignore_ascii_case(name)
    });
    found.map(|variable| variable.value)
}
