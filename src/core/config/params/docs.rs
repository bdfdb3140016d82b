//! The core parameters as people are shown them, in ser.cfg(5).

use super::table::{MAX_INT, MIN_INT, MOST_CHILDREN};
use super::{Action, Param, ValueType, all};

/// One core parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParamDoc {
    /// Its name, then its synonyms.
    pub names: &'static [&'static str],
    /// What may stand behind the `=`.
    pub value: String,
    /// As ser.cfg would say it; empty: not set, or the text tells.
    pub default: &'static str,
    /// What it does and its unit.
    pub text: &'static str,
    /// Whether it does anything; otherwise the text is the warning that it gets, or empty.
    pub effective: bool,
}

/// All core parameters in the order of their tables.
pub fn param_docs() -> impl Iterator<Item = ParamDoc> {
    all().map(|param| ParamDoc {
        names: param.names,
        value: value(param),
        default: param.default,
        text: match param.action {
            Action::Warned(why) => why,
            _ => param.text,
        },
        effective: !matches!(param.action, Action::Warned(_) | Action::Ignored),
    })
}

fn value(param: &Param) -> String {
    match param.action {
        _ if matches!(param.default, "yes" | "no") => "yes|no".into(),
        Action::Int(min, max, _) => range(min, max),
        Action::Children => format!("number, to {MOST_CHILDREN}, or auto(MIN, MAX)"),
        Action::Facility => "facility".into(),
        Action::PollMethod => "method".into(),
        Action::Listen | Action::Alias => "address ...".into(),
        Action::Str(_) | Action::ModulePath | Action::Stored(ValueType::Str) => "string".into(),
        Action::Stored(ValueType::Int) => "number".into(),
        Action::Stored(_) | Action::Warned(_) | Action::Ignored => "string or number".into(),
    }
}

fn range(min: i64, max: i64) -> String {
    match (min > MIN_INT, max < MAX_INT) {
        (true, true) => format!("number, {min} to {max}"),
        (true, false) => format!("number, from {min}"),
        (false, true) => format!("number, to {max}"),
        (false, false) => "number".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::ast::{ParamValue, Span, Spanned};
    use crate::core::config::diagnostics::Diagnostics;
    use crate::core::config::params::{Target, assign};
    use crate::core::settings::Settings;

    #[test]
    fn every_parameter_that_does_something_says_what() {
        for doc in param_docs().filter(|doc| doc.effective) {
            assert!(!doc.text.is_empty(), "{}", doc.names[0]);
        }
    }

    fn spanned<T>(node: T) -> Spanned<T> {
        let span = Span::default();
        Spanned { node, span }
    }

    /// As the scanner reads it.
    fn read(value: &str) -> ParamValue {
        let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok();
        let number = match value {
            "yes" => Some(1),
            "no" => Some(0),
            _ if value.starts_with("0x") => radix(&value[2..], 16),
            _ if value.starts_with('0') && value.len() > 1 => radix(&value[1..], 8),
            _ => value.parse().ok(),
        };
        number.map_or_else(|| ParamValue::Id(value.into()), ParamValue::Int)
    }

    #[test]
    fn the_defaults_that_are_shown_are_those_that_hold() {
        let settings = |target: &Target| {
            let settings = target.settings.clone();
            // What is kept for a later part is not in the defaults.
            let stored = Vec::new();
            format!("{:?}", Settings { stored, ..settings })
        };
        let before = settings(&Target::default());
        for doc in param_docs().filter(|doc| !doc.default.is_empty()) {
            let (mut target, mut found) = (Target::default(), Diagnostics::default());
            let name = spanned(doc.names[0].to_owned());
            let value = [spanned(read(doc.default))];
            assign(&name, &value, &mut target, &mut found);
            assert_eq!(found.errors(), 0, "{}", doc.names[0]);
            assert_eq!(settings(&target), before, "{}", doc.names[0]);
        }
    }
}
