//! Text that a config may give as `$attr`, `@select`, or literally.

use super::{Select, parse_avp_spec};
use crate::core::module::VarStr;

/// Compiles the text of a function's argument or of a module parameter.
pub fn parse_var_str(text: &[u8]) -> Result<VarStr, String> {
    // As in SER blanks around a reference do not count; around literal text they do.
    match text.trim_ascii().split_first() {
        Some((b'$', name)) => Ok(VarStr::Avp(parse_avp_spec(name)?)),
        Some((b'@', name)) => {
            let select = Select::compile(&String::from_utf8_lossy(name))?;
            Ok(VarStr::Select(Box::new(select)))
        }
        _ => Ok(VarStr::Lit(text.into())),
    }
}
