//! textops
