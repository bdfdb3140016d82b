//! The module's parameters, compiled once.

use ser::core::module::{IntParam, Regex, StrParam, VarStr};
use ser::core::msg::AvpSpec;
use ser::core::script::{parse_avp_spec, parse_var_str};
use std::sync::OnceLock;

/// `;ftag=` in our Record-Route.
pub static APPEND_FROMTAG: IntParam = IntParam::new(1);
/// Two Record-Routes where the sides of the proxy differ.
pub static ENABLE_DOUBLE_RR: IntParam = IntParam::new(1);
/// `;lr=on` instead of `;lr`, for peers that want a value.
pub static ENABLE_FULL_LR: IntParam = IntParam::new(0);
/// User part of our Record-Route.
pub static ADD_USERNAME: StrParam = StrParam::none();
/// Names of attributes that are accepted back.
pub static COOKIE_FILTER: StrParam = StrParam::none();
/// Mixed into the checksum of the cookie.
pub static COOKIE_SECRET: StrParam = StrParam::none();
/// Gets the user part of our own Route.
pub static USER_PART_AVP: StrParam = StrParam::none();
/// Gets the URI of the next Route.
pub static NEXT_ROUTE_AVP: StrParam = StrParam::none();

/// The parameters that need compiling.
#[derive(Default)]
pub struct Compiled {
    pub add_username: Option<VarStr>,
    pub cookie_filter: Option<Regex>,
    pub user_part: Option<AvpSpec>,
    pub next_route: Option<AvpSpec>,
}

static COMPILED: OnceLock<Compiled> = OnceLock::new();

/// Compiles them; the error names the one that is malformed.
pub fn init() -> Result<(), String> {
    let compiled = Compiled {
        add_username: given("add_username", &ADD_USERNAME, parse_var_str)?,
        cookie_filter: given("cookie_filter", &COOKIE_FILTER, Regex::new)?,
        user_part: given("user_part_avp", &USER_PART_AVP, attribute)?,
        next_route: given("next_route_avp", &NEXT_ROUTE_AVP, attribute)?,
    };
    let _ = COMPILED.set(compiled);
    Ok(())
}

/// What [`init`] made of them.
pub fn compiled() -> &'static Compiled {
    COMPILED.get_or_init(Compiled::default)
}

fn attribute(text: &[u8]) -> Result<AvpSpec, String> {
    parse_avp_spec(text.strip_prefix(b"$").unwrap_or(text))
}

/// Nothing where the parameter is not set or empty.
fn given<T>(
    name: &str,
    param: &StrParam,
    compile: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match param.bytes() {
        b"" => Ok(None),
        text => compile(text)
            .map(Some)
            .map_err(|why| format!("{name}: {why}")),
    }
}
