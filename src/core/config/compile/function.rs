//! Calls of module functions: the record is looked up by name and number of arguments, the arguments
//! become what the record declares.

use super::super::ast::{ArgValue, Call, Spanned};
use super::Compiler;
use crate::core::module::registry::{self, CommandLookup};
use crate::core::module::{Arg, ArgType, Regex, VarStr};
use crate::core::script::{ActionKind, Subst, XlFormat, parse_avp_spec, parse_var_str};

/// Functions of older generations that nobody needs any more.
pub(super) const RETIRED: [(&str, &str); 1] = [(
    "sl_filter_ACK",
    "module sl takes the ACKs to its replies out before the script runs; the call has no effect",
)];

impl Compiler<'_> {
    /// A call of something that is no core command.
    pub(super) fn function(&mut self, call: &Call) -> Option<ActionKind> {
        let name = call.name.node.as_str();
        if let Some((_, why)) = RETIRED.iter().find(|(old, _)| *old == name) {
            self.found.warning(call.name.span, format!("{name}: {why}"));
            return Some(ActionKind::Block(Vec::new()));
        }
        let command = match registry::find_command(name, call.args.len(), self.kind) {
            CommandLookup::Found(command) => command,
            CommandLookup::WrongRoute(_) => {
                let text = format!("Command cannot be used in the block: {name}");
                return self.error(call.name.span, text);
            }
            CommandLookup::WrongArgCount(counts) => return self.wrong_count(call, &counts),
            CommandLookup::Unknown => return self.unknown(call),
        };
        if !call.parens {
            return self.error(call.name.span, format!("missing '(' or ')' ? {name}()"));
        }
        let args: Vec<_> = call
            .args
            .iter()
            .zip(command.params)
            .map(|(arg, kind)| self.argument(arg, *kind))
            .collect();
        let args: Option<Vec<_>> = args.into_iter().collect();
        let Some(args) = args else {
            if let Some(last) = self.found.last_error() {
                last.help(registry::signature(command));
            }
            return None;
        };
        Some(ActionKind::Module { command, args })
    }

    fn wrong_count<T>(&mut self, call: &Call, counts: &[usize]) -> Option<T> {
        let name = &call.name.node;
        let counts: Vec<_> = counts.iter().map(usize::to_string).collect();
        let message = format!(
            "unknown command, missing loadmodule? {name} with {} arguments: it takes {}",
            call.args.len(),
            counts.join(" or ")
        );
        self.error(call.name.span, message)
    }

    fn unknown<T>(&mut self, call: &Call) -> Option<T> {
        if self.modules_missing {
            return None;
        }
        let name = call.name.node.as_str();
        let mut known = registry::command_names();
        known.extend(super::command::NAMES);
        let message = format!("unknown command, missing loadmodule? {name}");
        self.error_with(call.name.span, message)
            .suggest(name, known);
        None
    }

    fn argument(&mut self, arg: &Spanned<ArgValue>, kind: ArgType) -> Option<Arg> {
        match lower(&arg.node, kind) {
            Ok(lowered) => {
                if let (Arg::Route(name), ArgType::Route(kind)) = (&lowered, kind) {
                    self.refer_to_route(kind, name, arg.span);
                }
                Some(lowered)
            }
            // SER takes the module's default for such an argument, at every call.
            Err(Wrong::Number(text)) => {
                let message = format!("{:?} is no number", String::from_utf8_lossy(&text));
                self.found
                    .warning(arg.span, message)
                    .help("the default of the function is used instead");
                Some(Arg::Str(text.into()))
            }
            Err(Wrong::Select(_)) if self.modules_missing => None,
            Err(Wrong::Select(why) | Wrong::Other(why)) => self.error(arg.span, why),
        }
    }
}

/// Why an argument cannot be used.
enum Wrong {
    /// A select that nobody knows.
    Select(String),
    /// Text where a number or something that has one at run time is wanted.
    Number(Vec<u8>),
    Other(String),
}

fn var_str(text: &[u8]) -> Result<VarStr, Wrong> {
    let is_select = text.trim_ascii().first() == Some(&b'@');
    parse_var_str(text).map_err(if is_select {
        Wrong::Select
    } else {
        Wrong::Other
    })
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Wrong::Other(why)
    }
}

fn lower(arg: &ArgValue, kind: ArgType) -> Result<Arg, Wrong> {
    // A bare $attr or @select is what its quoted form is.
    let text: Vec<u8> = match arg {
        ArgValue::Str(text) => text.clone(),
        ArgValue::Int(n) => match kind {
            ArgType::Int | ArgType::VarInt => return Ok(Arg::Int(*n)),
            _ => n.to_string().into_bytes(),
        },
        ArgValue::Avp(name) => format!("${name}").into_bytes(),
        ArgValue::Select(name) => format!("@{name}").into_bytes(),
        ArgValue::Id(name) if matches!(kind, ArgType::Route(_)) => name.clone().into_bytes(),
        ArgValue::Id(_)
        | ArgValue::Host(_)
        | ArgValue::Ip(_)
        | ArgValue::UriHost
        | ArgValue::UriPort
        | ArgValue::RetCode
        | ArgValue::Socket(_) => {
            return Err(Wrong::Other(
                "bad argument: a string or number is expected".into(),
            ));
        }
    };
    lower_text(text, kind)
}

fn lower_text(text: Vec<u8>, kind: ArgType) -> Result<Arg, Wrong> {
    Ok(match kind {
        ArgType::Int => Arg::Int(digits(&text)?),
        ArgType::VarInt => match text.trim_ascii().first() {
            Some(b'$' | b'@') => Arg::Var(var_str(&text)?),
            _ => match digits(&text) {
                Ok(number) => Arg::Int(number),
                Err(_) => return Err(Wrong::Number(text)),
            },
        },
        ArgType::Str => Arg::Str(text.into()),
        ArgType::VarStr => Arg::Var(var_str(&text)?),
        ArgType::Regex => {
            Arg::Regex(Regex::new(&text).map_err(|why| format!("bad regular expression: {why}"))?)
        }
        ArgType::Avp => Arg::Avp(parse_avp_spec(text.strip_prefix(b"$").unwrap_or(&text))?),
        ArgType::Xl => {
            let format = XlFormat::parse(&text)?;
            Arg::Var(match format.literal() {
                Some(literal) => VarStr::Lit(literal.into()),
                None => VarStr::Xl(Box::new(format)),
            })
        }
        ArgType::Subst => Arg::Subst(Box::new(Subst::compile(&text)?)),
        ArgType::Route(_) => Arg::Route(String::from_utf8_lossy(&text).into()),
    })
}

fn digits(text: &[u8]) -> Result<i64, String> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|t| t.trim().parse().ok())
        .ok_or_else(|| format!("number expected, not {:?}", String::from_utf8_lossy(text)))
}
