//! Arguments of module functions: they become what the function's record declares.

use super::super::ast::{ArgValue, Spanned};
use super::Compiler;
use crate::core::module::registry;
use crate::core::module::{Arg, ArgType, Command, Regex, VarStr};
use crate::core::script::{Subst, XlFormat, parse_avp_spec, parse_var_str, select};

impl Compiler<'_> {
    /// Argument `arg` of `command`, which declares `kind`.
    pub(super) fn argument(
        &mut self,
        arg: &Spanned<ArgValue>,
        kind: ArgType,
        command: &Command,
    ) -> Option<Arg> {
        match lower(&arg.node, kind) {
            // SER takes the module's default for such an argument, at every call.
            Ok(Arg::Str(text)) if kind == ArgType::VarInt => {
                let message = format!("{:?} is no number", String::from_utf8_lossy(&text));
                self.found
                    .warning(arg.span, message)
                    .help("the default of the function is used instead");
                Some(Arg::Str(text))
            }
            Ok(lowered) => {
                if let (Arg::Route(name), ArgType::Route(kind)) = (&lowered, kind) {
                    self.refer_to_route(kind, name, arg.span);
                }
                Some(lowered)
            }
            Err(why) => {
                let usage = registry::signature(command);
                if let Some(select) = select::unresolved(&why) {
                    return self.no_select(&why, select, arg.span, Some(usage));
                }
                self.error_with(arg.span, why).help(usage);
                None
            }
        }
    }
}

fn lower(arg: &ArgValue, kind: ArgType) -> Result<Arg, String> {
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
            return Err("bad argument: a string or number is expected".into());
        }
    };
    lower_text(text, kind)
}

fn lower_text(text: Vec<u8>, kind: ArgType) -> Result<Arg, String> {
    Ok(match kind {
        ArgType::Int => Arg::Int(digits(&text)?),
        ArgType::VarInt => match text.trim_ascii().first() {
            Some(b'$' | b'@') => Arg::Var(parse_var_str(&text)?),
            _ => digits(&text).map_or_else(|_| Arg::Str(text.into()), Arg::Int),
        },
        ArgType::Str => Arg::Str(text.into()),
        ArgType::VarStr => Arg::Var(parse_var_str(&text)?),
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
