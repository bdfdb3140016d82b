//! Core parameters: what one is, and how an assignment is carried out. The parameters themselves stand in
//! `table`, `dns` and `reliability`, conversions of values in `value`, what people are shown of them in `docs`.
//!
//! What needs a part of the server that is not there yet (tcp, tls) is checked and kept in
//! [`Settings::stored`]; what newer generations dropped is accepted with a warning that says what
//! replaces it.

mod dns;
mod docs;
mod reliability;
mod table;
mod value;

pub use docs::{ParamDoc, param_docs};
pub use value::{FOREIGN_POLL_METHODS, POLL_METHODS};

use super::ast::{ParamValue, SocketId, Span, Spanned};
use super::diagnostics::Diagnostics;
use crate::core::settings::Settings;
use dns::DNS_PARAMS;
use reliability::RELIABILITY_PARAMS;
use table::{MAX32, MIN_INT, PARAMS};
use value::{facility, number, poll_method, sockets, text};

/// What may stand behind the `=`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// Nothing is known of the parameter.
    Any,
    /// A number, `yes` and `no` among them.
    Int,
    /// A string or a word.
    Str,
    /// A list of sockets.
    Sockets,
}

/// Where values go.
#[derive(Debug, Default)]
pub struct Target {
    /// Plain values.
    pub settings: Settings,
    /// `listen`
    pub listen: Vec<SocketId>,
    /// `alias`
    pub aliases: Vec<SocketId>,
    /// `mpath`: folders of modules, separated by `:`.
    pub mpath: String,
}

type SetInt = fn(&mut Settings, i64);
type SetStr = fn(&mut Settings, String);

enum Action {
    /// Number in a range.
    Int(i64, i64, SetInt),
    /// A number of receivers, or a range of them.
    Children,
    Str(SetStr),
    Facility,
    PollMethod,
    Listen,
    Alias,
    ModulePath,
    /// Kept for a later part; number or text.
    Stored(ValueType),
    /// Accepted without effect; the warning.
    Warned(&'static str),
    /// Accepted without effect, as in SER.
    Ignored,
}

/// One core parameter.
pub struct Param {
    /// Its name and synonyms; values are stored under the first.
    names: &'static [&'static str],
    action: Action,
    /// As ser.cfg would say it; empty: not set, or it depends.
    default: &'static str,
    /// What it does and its unit, one line.
    text: &'static str,
}

impl Param {
    /// The parameter with its default and what it does.
    const fn doc(mut self, default: &'static str, text: &'static str) -> Param {
        self.default = default;
        self.text = text;
        self
    }

    /// The first of its names.
    pub fn first_name(&self) -> &'static str {
        self.names[0]
    }

    /// What its value looks like.
    pub fn kind(&self) -> ValueType {
        match &self.action {
            Action::Int(..) | Action::Children => ValueType::Int,
            Action::Str(_) | Action::Facility | Action::PollMethod | Action::ModulePath => {
                ValueType::Str
            }
            Action::Listen | Action::Alias => ValueType::Sockets,
            Action::Stored(kind) => *kind,
            Action::Warned(_) | Action::Ignored => ValueType::Any,
        }
    }
}

fn all() -> impl Iterator<Item = &'static Param> {
    PARAMS.iter().chain(DNS_PARAMS).chain(RELIABILITY_PARAMS)
}

/// The parameter of that exact name.
pub fn find(name: &str) -> Option<&'static Param> {
    all().find(|p| p.names.contains(&name))
}

/// Names of all parameters that have an effect, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    let useful = all().filter(|p| !matches!(p.action, Action::Warned(_) | Action::Ignored));
    useful.flat_map(|p| p.names.iter().copied())
}

/// What an assignment comes to, for comparison with another file's: the parameter's first name and the value as text;
/// `None`: it has no effect.
pub fn effect(
    name: &Spanned<String>,
    values: &[Spanned<ParamValue>],
) -> Option<(&'static str, String, Span)> {
    let param = find(&name.node)?;
    if matches!(param.action, Action::Warned(_) | Action::Ignored) {
        return None;
    }
    let shown = values.iter().map(|value| match &value.node {
        ParamValue::Int(n) => n.to_string(),
        ParamValue::Str(text) => String::from_utf8_lossy(text).into_owned(),
        ParamValue::Id(word) => word.clone(),
        ParamValue::Ip(ip) => ip.to_string(),
        ParamValue::Socket(socket) => socket.to_string(),
        ParamValue::Auto(min, max) => format!("auto({min}, {max})"),
    });
    let shown: Vec<_> = shown.collect();
    Some((param.first_name(), shown.join(" "), values.first()?.span))
}

/// Carries `name = values` out, or says what is wrong with it.
pub fn assign(
    name: &Spanned<String>,
    values: &[Spanned<ParamValue>],
    target: &mut Target,
    found: &mut Diagnostics,
) {
    let Some(param) = find(&name.node) else {
        let message = format!("syntax error: unknown config variable {}", name.node);
        found.error(name.span, message).suggest(&name.node, names());
        return;
    };
    let Some(value) = values.first() else { return };
    let result = match &param.action {
        Action::Int(min, max, set) => {
            number(value, *min, *max).map(|n| set(&mut target.settings, n))
        }
        Action::Children => value::children(value, &mut target.settings),
        Action::Str(set) => text(value).map(|v| set(&mut target.settings, v)),
        Action::Facility => facility(value).map(|f| target.settings.log_facility = f),
        Action::PollMethod => poll_method(value, found).map(|m| store(target, param, m)),
        Action::Listen => sockets(values, &mut target.listen),
        Action::Alias => sockets(values, &mut target.aliases),
        Action::ModulePath => text(value).map(|v| target.mpath = v),
        Action::Stored(ValueType::Int) => {
            number(value, MIN_INT, MAX32).map(|n| store(target, param, n.to_string()))
        }
        Action::Stored(ValueType::Any) if matches!(value.node, ParamValue::Int(_)) => {
            number(value, MIN_INT, MAX32).map(|n| store(target, param, n.to_string()))
        }
        Action::Stored(_) => text(value).map(|v| store(target, param, v)),
        Action::Warned(why) => {
            found.warning(name.span, format!("{}: {why}", name.node));
            Ok(())
        }
        Action::Ignored => text(value).map(drop),
    };
    if let Err(message) = result {
        let error = found.error(value.span, message);
        match (&param.action, &value.node) {
            (Action::Facility, ParamValue::Id(word)) => error.suggest(word, value::facilities()),
            (Action::Str(_), ParamValue::Int(n)) => {
                error.help(format!("write it in quotes: {} = \"{n}\"", name.node));
            }
            _ => {}
        }
    }
}

fn store(target: &mut Target, param: &Param, value: String) {
    target.settings.store(param.first_name(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: ParamValue) -> (Target, Diagnostics) {
        let span = Span::default();
        let mut target = Target::default();
        let mut found = Diagnostics::default();
        let name = Spanned {
            node: name.to_owned(),
            span,
        };
        assign(
            &name,
            &[Spanned { node: value, span }],
            &mut target,
            &mut found,
        );
        (target, found)
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all: Vec<_> = all().flat_map(|p| p.names).collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn synonyms_set_the_same_value() {
        assert_eq!(
            set("uid", ParamValue::Id("ser".into()))
                .0
                .settings
                .user
                .as_deref(),
            Some("ser")
        );
        assert_eq!(
            set("ser_kill_timeout", ParamValue::Int(5))
                .0
                .settings
                .exit_timeout,
            5
        );
        let settings = set("dst_blacklist_ttl", ParamValue::Int(9)).0.settings;
        assert_eq!(settings.dst_blacklist_expire, 9);
    }

    #[test]
    fn wrong_types_and_ranges_are_refused() {
        for (name, value) in [
            ("children", ParamValue::Str(b"8".to_vec())),
            ("port", ParamValue::Int(70000)),
            ("user", ParamValue::Int(5)),
            ("log_facility", ParamValue::Id("LOG_MOON".into())),
            ("tcp_poll_method", ParamValue::Id("wait".into())),
        ] {
            assert_eq!(set(name, value).1.errors(), 1, "{name}");
        }
    }

    #[test]
    fn an_owner_is_a_name_or_a_number() {
        let stored = |value| set("fifo_user", value).0.settings.stored;
        let is = |text: &str| [("fifo_user".to_owned(), text.to_owned())];
        assert_eq!(stored(ParamValue::Int(5)), is("5"));
        assert_eq!(stored(ParamValue::Id("ser".into())), is("ser"));
    }

    #[test]
    fn retired_parameters_only_warn() {
        let found = set("fifo_db_url", ParamValue::Str(b"sql://x".to_vec())).1;
        assert_eq!((found.errors(), found.warnings()), (0, 1));
    }
}
