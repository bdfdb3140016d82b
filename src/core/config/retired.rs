//! What older generations called otherwise: functions and module parameters that are accepted under
//! their old names, with a warning that says the new one.

/// What became of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The same thing under another name.
    Renamed(&'static str),
    /// It has no effect any more; the text says why, and what to use.
    NoEffect(&'static str),
    /// It cannot be carried out; the text says what to use.
    Gone(&'static str),
}

use Fate::{Gone, NoEffect, Renamed};

/// The fate of a script function.
pub fn function(name: &str) -> Option<Fate> {
    Some(match name {
        "sl_filter_ACK" => NoEffect(
            "module sl takes the ACKs to its replies out before the script runs; the call has no effect",
        ),
        "t_unref" => NoEffect("transactions are released by themselves; the call has no effect"),
        "addRecordRoute" => Renamed("record_route"),
        "rewriteFromRoute" | "strict_route" => Renamed("loose_route"),
        "save_contact" => Renamed("save"),
        "lookup_contact" => Renamed("lookup"),
        "t_on_negative" => Renamed("t_on_failure"),
        "t_send_reply" => Renamed("t_reply"),
        "t_add_transaction" => Renamed("t_newtran"),
        "t_forward_uri" => Renamed("t_forward_nonack_uri"),
        "acc_request" | "acc_log_request" => Renamed("acc_syslog_log"),
        "acc_log_missed" => Renamed("acc_syslog_missed"),
        "acc_db_request" => Renamed("acc_db_log"),
        "acc_rad_request" => Renamed("acc_rad_log"),
        "t_setflag" => {
            Gone("use setflag(flag) with the number that the accounting module's log_flag has")
        }
        "is_user_in" | "is_in_group" => Gone(
            "load the user's groups as attributes with load_attrs of module avp_db and compare $f.group",
        ),
        "authorize" | "challenge" => Gone(
            "use www_authorize(realm, table) or proxy_authorize(realm, table) of module auth_db",
        ),
        "dispatch_rpc" | "xmlrpc_reply" | "create_via" => Gone(NOT_IN_THE_SCRIPT),
        "t_relay_cancel" => Gone(
            "use t_relay(): it sends a CANCEL to where its INVITE went; t_lookup_cancel() tells whether there is one",
        ),
        "vm" => Gone("use t_write_unix of module tm to hand a request to an application server"),
        _ => return None,
    })
}

/// What xmlrpc of SER did in the script.
const NOT_IN_THE_SCRIPT: &str =
    "module xmlrpc answers on an HTTP port of its own; calls do not pass the script: take it out";

/// What to do about a select (without `@`) that is gone.
pub fn select(text: &str) -> Option<&'static str> {
    (text == "xmlrpc.method").then_some(NOT_IN_THE_SCRIPT)
}

/// The fate of a module parameter.
pub fn parameter(module: &str, name: &str) -> Option<Fate> {
    Some(match (module, name) {
        ("usrloc", "use_database") => Renamed("db_mode"),
        ("usrloc", "flush_interval") => Renamed("timer_interval"),
        ("usrloc", "table") => NoEffect("the table is the one that save() and lookup() name"),
        ("auth", "db_url" | "user_column" | "password_column" | "calculate_ha1") => {
            Gone("it is a parameter of module auth_db")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::catalog;

    #[test]
    fn what_was_renamed_is_a_function_of_a_module() {
        for old in [
            "addRecordRoute",
            "rewriteFromRoute",
            "save_contact",
            "lookup_contact",
            "t_on_negative",
            "t_send_reply",
            "t_add_transaction",
            "t_forward_uri",
            "acc_request",
            "acc_log_missed",
            "acc_db_request",
            "acc_rad_request",
        ] {
            let Some(Renamed(new)) = function(old) else {
                panic!("{old} was not renamed");
            };
            assert!(!catalog::modules_of_function(new).is_empty(), "{new}");
        }
    }
}
