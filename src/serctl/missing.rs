//! Verbs of the original that need what this version does not have: each says what that is. They stay in the table,
//! so that scripts and people who call them learn it from the tool.

use crate::{Failure, Tool};
use std::io::Write;

fn needs(what: &str) -> Result<(), Failure> {
    Err(Failure::Other(format!(
        "not in this version: it needs {what}"
    )))
}

/// add, passwd, rm, mail
pub fn subscriber(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs("table subscriber of a database, and no database module exists yet")
}

/// rpid
pub fn rpid(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs("column rpid of table subscriber, and no database module exists yet")
}

/// acl
pub fn acl(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs("table grp of a database, and no database module exists yet")
}

/// showdb
pub fn showdb(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs(
        "table location of a database, and no database module exists yet; \"ul show\" shows what is in memory",
    )
}

/// avp
pub fn avp(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs("table usr_preferences or user_attrs of a database, and no database module exists yet")
}

/// domain
pub fn domain(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs("module domain and table domain of a database, and neither exists yet")
}

/// pa
pub fn presence(_: &Tool, _: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    needs("module pa, which does not exist yet")
}
