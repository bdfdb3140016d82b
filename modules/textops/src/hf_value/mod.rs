//! Single values of headers that are comma-separated lists over one or more lines (RFC 3261 §7.3.1),
//! and their parameters.
//!
//! | file | what |
//! |---|---|
//! | `spec` | `Name[index].parameter` |
//! | `list` | the values of a header |
//! | `param` | the parameters of a value |
//! | `edit` | the functions that change something |
//! | `select` | `@hf_value`, `@hf_value2`, `@hf_value_exists` |

mod edit;
mod list;
mod param;
mod select;
mod spec;

pub use edit::{append, assign, assign2, exclude, exists, include, insert, remove, remove2};
pub use select::register as register_selects;
pub use spec::{assign_fixup, name_fixup, place_fixup, remove_fixup};
