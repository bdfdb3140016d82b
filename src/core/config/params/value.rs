//! Values of parameters: from what was written to what is stored.

use super::table::{DEFAULT_CHILDREN, MIN_INT, MOST_CHILDREN};
use crate::core::config::ast::{ParamValue, SocketId, Spanned};
use crate::core::config::diagnostics::Diagnostics;
use crate::core::net::Proto;
use crate::core::settings::{Auto, Settings};

/// Names that `tcp_poll_method` and `-W` take, in any case.
pub const POLL_METHODS: [&str; 5] = ["poll", "epoll_lt", "epoll_et", "sigio_rt", "select"];
/// Known names of other systems.
pub const FOREIGN_POLL_METHODS: [&str; 2] = ["kqueue", "/dev/poll"];

const FACILITIES: [(&str, i32); 20] = [
    ("LOG_AUTH", libc::LOG_AUTH),
    ("LOG_CRON", libc::LOG_CRON),
    ("LOG_DAEMON", libc::LOG_DAEMON),
    ("LOG_KERN", libc::LOG_KERN),
    ("LOG_LOCAL0", libc::LOG_LOCAL0),
    ("LOG_LOCAL1", libc::LOG_LOCAL1),
    ("LOG_LOCAL2", libc::LOG_LOCAL2),
    ("LOG_LOCAL3", libc::LOG_LOCAL3),
    ("LOG_LOCAL4", libc::LOG_LOCAL4),
    ("LOG_LOCAL5", libc::LOG_LOCAL5),
    ("LOG_LOCAL6", libc::LOG_LOCAL6),
    ("LOG_LOCAL7", libc::LOG_LOCAL7),
    ("LOG_LPR", libc::LOG_LPR),
    ("LOG_MAIL", libc::LOG_MAIL),
    ("LOG_NEWS", libc::LOG_NEWS),
    ("LOG_USER", libc::LOG_USER),
    ("LOG_UUCP", libc::LOG_UUCP),
    ("LOG_AUTHPRIV", libc::LOG_AUTHPRIV),
    ("LOG_FTP", libc::LOG_FTP),
    ("LOG_SYSLOG", libc::LOG_SYSLOG),
];

pub(super) fn number(value: &Spanned<ParamValue>, min: i64, max: i64) -> Result<i64, String> {
    match &value.node {
        ParamValue::Int(n) if (min..=max).contains(n) => Ok(*n),
        ParamValue::Int(_) => Err(format!("number out of range: it is {min} to {max}")),
        _ => Err("number expected (or yes, no)".into()),
    }
}

/// `children`: a number, or `auto(MIN, MAX)`.
pub(super) fn children(value: &Spanned<ParamValue>, settings: &mut Settings) -> Result<(), String> {
    let ParamValue::Auto(min, max) = value.node else {
        let wrong = |why: String| why.replace(" (or yes, no)", ", or auto(MIN, MAX)");
        let n = number(value, MIN_INT, MOST_CHILDREN).map_err(wrong)?;
        let positive = u32::try_from(n).ok().filter(|n| *n > 0);
        settings.children = positive.unwrap_or(DEFAULT_CHILDREN);
        settings.children_auto = None;
        return Ok(());
    };
    let range = 1..=MOST_CHILDREN;
    if !range.contains(&min) || !range.contains(&max) || min > max {
        return Err(format!(
            "auto(MIN, MAX) needs two numbers from 1 to {MOST_CHILDREN}, the smaller one first"
        ));
    }
    let (min, max) = (min as u32, max as u32);
    settings.children = DEFAULT_CHILDREN.clamp(min, max);
    settings.children_auto = Some(Auto { min, max });
    Ok(())
}

pub(super) fn text(value: &Spanned<ParamValue>) -> Result<String, String> {
    match &value.node {
        ParamValue::Str(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        ParamValue::Id(text) => Ok(text.clone()),
        ParamValue::Ip(ip) if ip.is_ipv6() => Ok(format!("[{ip}]")),
        ParamValue::Ip(ip) => Ok(ip.to_string()),
        ParamValue::Int(_) | ParamValue::Socket(_) | ParamValue::Auto(..) => {
            Err("string expected".into())
        }
    }
}

/// Names of facilities, for suggestions.
pub(super) fn facilities() -> impl Iterator<Item = &'static str> {
    FACILITIES.iter().map(|(name, _)| *name)
}

pub(super) fn facility(value: &Spanned<ParamValue>) -> Result<i32, String> {
    let name = text(value)?;
    FACILITIES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(&name))
        .map(|(_, number)| *number)
        .ok_or_else(|| "bad facility (see syslog(3) man page)".into())
}

pub(super) fn poll_method(
    value: &Spanned<ParamValue>,
    found: &mut Diagnostics,
) -> Result<String, String> {
    let name = text(value)?.to_ascii_lowercase();
    if POLL_METHODS.contains(&name.as_str()) {
        return Ok(name);
    }
    if FOREIGN_POLL_METHODS.contains(&name.as_str()) {
        let why = format!("{name} is not supported on this system, epoll_lt is used");
        found.warning(value.span, why);
        return Ok("epoll_lt".into());
    }
    Err(format!(
        "bad tcp_poll_method value: it is one of {}",
        POLL_METHODS.join(", ")
    ))
}

pub(super) fn sockets(
    values: &[Spanned<ParamValue>],
    to: &mut Vec<SocketId>,
) -> Result<(), String> {
    for value in values {
        match &value.node {
            ParamValue::Socket(id) => match id.proto {
                None | Some(Proto::Udp | Proto::Tcp | Proto::Tls) => to.push(id.clone()),
                Some(other) => return Err(format!("{} is no protocol to listen on", other.name())),
            },
            _ => return Err("[proto:]host[:port] expected".into()),
        }
    }
    Ok(())
}
