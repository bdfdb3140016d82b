//! `uri`: checks and changes of URIs. No parameters.

use ser::core::module::{ArgType, Args, CmdFn, Command, RouteMask};
use ser::core::msg::{BumpVec, SipMsg};
use ser::core::sip::{Params, Uri, UriType};

const fn command(name: &'static str, func: CmdFn, params: &'static [ArgType]) -> Command {
    Command {
        name,
        func,
        params,
        fixup: None,
        routes: RouteMask::R,
    }
}

ser::module! {
    name: "uri",
    cmds: &[
        command("is_user", is_user, &[ArgType::VarStr]),
        command("has_totag", has_totag, &[]),
        command("uri_param", uri_param, &[ArgType::Str]),
        command("uri_param", uri_param, &[ArgType::Str, ArgType::Str]),
        command("add_uri_param", add_uri_param, &[ArgType::Str]),
        command("tel2sip", tel2sip, &[]),
    ],
}

fn truth(value: bool) -> i32 {
    if value { 1 } else { -1 }
}

/// Whether the user part of the credentials that module auth accepted is the argument, byte for byte.
fn is_user(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(wanted) = args.str(0, msg) else {
        return -1;
    };
    let name = msg.authorized.and_then(|credentials| credentials.username);
    truth(name.and_then(|name| name.split(|&b| b == b'@').next()) == Some(wanted))
}

fn has_totag(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    truth(
        msg.sip
            .to()
            .is_ok_and(|to| to.tag.is_some_and(|tag| !tag.is_empty())),
    )
}

/// With one argument: the Request-URI has that parameter, without a value. With two: with that value.
/// Names and values are compared byte for byte, the first of that name counts.
fn uri_param(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let (Some(name), value) = (args.str(0, msg), args.str(1, msg)) else {
        return -1;
    };
    match msg.parsed_uri() {
        Ok(uri) => truth(has_param(uri.params, name, value)),
        Err(_) => -1,
    }
}

/// As in SER a list in which some parameter has `=` and nothing behind it is no list.
fn has_param(params: Params<'_>, name: &[u8], value: Option<&[u8]>) -> bool {
    if params.iter().any(|(_, value)| value == Some(b"")) {
        return false;
    }
    params
        .iter()
        .find(|(n, _)| *n == name)
        .is_some_and(|(_, found)| found == value)
}

/// Appends `;p` to the parameters of the Request-URI.
fn add_uri_param(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(param) = args.str(0, msg) else {
        return -1;
    };
    if param.is_empty() {
        return 1;
    }
    let Ok(uri) = msg.parsed_uri() else { return -1 };
    let text = uri.text;
    // Parameters end where the headers begin.
    let end = match uri.headers {
        b"" => text.len(),
        headers => text.len() - headers.len() - 1,
    };
    let mut out = BumpVec::with_capacity_in(text.len() + param.len() + 1, msg.arena);
    out.extend_from_slice_copy(&text[..end]);
    out.push(b';');
    out.extend_from_slice_copy(param);
    out.extend_from_slice_copy(&text[end..]);
    msg.set_uri(out.into_bump_slice());
    1
}

/// `tel:X` becomes `sip:X@<host of From>;user=phone`; another URI is left alone.
fn tel2sip(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    let number = match msg.parsed_uri() {
        Ok(Uri {
            kind: UriType::Tel,
            user_phone: false,
            text,
            ..
        }) => &text[b"tel:".len()..],
        Ok(_) => return 1,
        Err(_) => return -1,
    };
    let Some(from) = msg
        .sip
        .from()
        .ok()
        .and_then(|from| Uri::parse(from.uri).ok())
    else {
        return -1;
    };
    let mut out = BumpVec::with_capacity_in(number.len() + from.host.len() + 16, msg.arena);
    for part in [b"sip:", number, b"@", from.host, b";user=phone"] {
        out.extend_from_slice_copy(part);
    }
    msg.set_uri(out.into_bump_slice());
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_without_a_value_or_with_exactly_this_one() {
        let params = Params(b"lr;a=1;a=2");
        assert!(has_param(params, b"lr", None));
        assert!(!has_param(params, b"LR", None));
        assert!(!has_param(params, b"a", None));
        assert!(has_param(params, b"a", Some(b"1")));
        assert!(!has_param(params, b"a", Some(b"2")));
        assert!(!has_param(params, b"b", None));
    }

    #[test]
    fn a_list_with_an_empty_value_has_nothing() {
        assert!(!has_param(Params(b"lr;x="), b"lr", None));
    }
}
