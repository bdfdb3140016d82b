//! What a ser.cfg declares beside its routes: flags and variables. A server that reads another file forgets the names
//! of the one before, and can go back to them.

use super::flags::{self, DeclaredFlags};
use super::variables::{self, Variable};

/// The names of one file.
#[derive(Clone, Debug)]
pub struct Declared {
    flags: DeclaredFlags,
    variables: Vec<Variable>,
}

impl Declared {
    /// Those that are declared now.
    pub fn now() -> Declared {
        Declared {
            flags: flags::declared(),
            variables: variables::declared(),
        }
    }

    /// Forgets them: another file is going to be read.
    pub fn forget() {
        flags::forget();
        variables::forget();
    }

    /// Declares them again, and nothing else.
    pub fn declare_again(&self) {
        flags::declare_again(&self.flags);
        variables::declare_again(&self.variables);
    }
}
