//! The compiled program and what runs it: route tables, actions, expressions, selects, attributes,
//! flags, formats (SER's route.c, action.c, select.c, and the formats of module xlog).

mod action;
mod assign;
mod avp_spec;
mod declared;
mod expr;
mod flags;
mod host_names;
mod place;
mod program;
mod run;
pub mod select;
mod show;
mod simple;
mod subst;
mod uri_edit;
mod var_str;
mod variables;
mod xl;

pub use action::{Action, ActionKind, Arm, AssignValue, HostTarget, Pattern, ReturnValue, UriOp};
pub use avp_spec::{is_writable, parse_avp_spec};
pub use declared::Declared;
pub use expr::{
    AvpRight, CmpOp, Expr, IpOperand, IpRight, NumOperand, NumRight, StrOperand, StrRight,
    status_text,
};
pub use flags::{
    avp_flag, avp_flag_names, declare_avp_flag, declare_avp_flag_of_file, declare_flag, flag_name,
    flag_names, flag_number,
};
pub use host_names::HostNames;
pub use place::Place;
pub use program::{
    Program, Route, RouteTable, install, keep, latest, look_into_program, program, reinstall,
};
pub use run::{run_onsend_route, run_reply_route, run_request_route, run_route, run_top_route};
pub use select::{Select, SelectResult};
pub use subst::Subst;
pub use uri_edit::set_user;
pub use var_str::parse_var_str;
pub use variables::declare_variable;
pub use xl::XlFormat;
