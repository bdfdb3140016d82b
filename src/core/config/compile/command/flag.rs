//! Message flags and flags of attributes.

use super::super::super::ast::{ArgValue, Call};
use super::super::Compiler;
use crate::core::msg::AvpSpec;
use crate::core::script::{
    ActionKind, avp_flag, avp_flag_names, flag_name, flag_names, flag_number, parse_avp_spec,
};

/// Highest message flag.
const MAX_FLAG: i64 = 31;

impl Compiler<'_> {
    pub(super) fn flag(&mut self, command: &str, call: &Call) -> Option<ActionKind> {
        let [arg] = call.args.as_slice() else {
            return self.bad_argument(call);
        };
        let number = match &arg.node {
            ArgValue::Int(n @ 0..=MAX_FLAG) => {
                if let Some(name) = flag_name(*n as u32) {
                    let text = format!("flag {n} has the name {name}, which says more");
                    self.found.warning(arg.span, text);
                }
                *n as u32
            }
            ArgValue::Int(n) => {
                let text = format!("bad flag value: message flag {n} too high; MAX={MAX_FLAG}");
                return self.error(arg.span, text);
            }
            ArgValue::Id(name) => match flag_number(name) {
                Some(n) => n,
                None => {
                    let known = flag_names();
                    let found = self.error_with(arg.span, format!("flag not declared: {name}"));
                    found.suggest(name, known.iter().map(String::as_str));
                    found.help(format!("flags {name}"));
                    return None;
                }
            },
            _ => return self.bad_argument(call),
        };
        let mask = 1 << number;
        Some(match command {
            "setflag" => ActionKind::SetFlag(mask),
            "resetflag" => ActionKind::ResetFlag(mask),
            _ => ActionKind::IsFlagSet(mask),
        })
    }

    pub(super) fn avp_flag(&mut self, command: &str, call: &Call) -> Option<ActionKind> {
        let [attr, flag] = call.args.as_slice() else {
            return self.bad_argument(call);
        };
        let spec = match avp_of(&attr.node) {
            Ok(spec) => spec,
            Err(why) => return self.error(attr.span, why),
        };
        let name = match &flag.node {
            ArgValue::Id(name) => name.clone(),
            ArgValue::Str(name) => String::from_utf8_lossy(name).into_owned(),
            _ => return self.bad_argument(call),
        };
        let Some(bit) = avp_flag(&name) else {
            if self.may_be_declared_elsewhere() {
                return None;
            }
            let known = avp_flag_names();
            let found = self.error_with(flag.span, format!("avpflag not declared: {name}"));
            found.suggest(&name, known.iter().map(String::as_str));
            found.help(format!("avpflags {name}"));
            return None;
        };
        Some(match command {
            "setavpflag" => ActionKind::SetAvpFlag { spec, bit },
            "resetavpflag" => ActionKind::ResetAvpFlag { spec, bit },
            _ => ActionKind::IsAvpFlagSet { spec, bit },
        })
    }
}

fn avp_of(arg: &ArgValue) -> Result<AvpSpec, String> {
    match arg {
        ArgValue::Avp(name) => parse_avp_spec(name.as_bytes()),
        ArgValue::Str(text) => parse_avp_spec(text.strip_prefix(b"$").unwrap_or(text)),
        _ => Err("an attribute is expected: $name or \"name\"".into()),
    }
}
