//! `xlog`: log lines made of pieces of the message. The formats themselves are the core's
//! (`core::script::XlFormat`), because other modules use them too.

use ser::core::log::{enabled, level, log_at};
use ser::core::module::{Arg, ArgType, Args, Command, IntParam, Param, ParamKind, RouteMask};
use ser::core::msg::SipMsg;

/// Longest line in bytes.
static BUF_SIZE: IntParam = IntParam::new(4096);

ser::module! {
    name: "xlog",
    cmds: &[
        Command {
            name: "xlog",
            func: xlog,
            params: &[ArgType::Str, ArgType::Xl],
            fixup: Some(level_fixup),
            routes: RouteMask::RFOB,
        },
        // What later generations write; the level is that of an error there.
        Command {
            name: "xlog",
            func: xerr,
            params: &[ArgType::Xl],
            fixup: None,
            routes: RouteMask::RFOB,
        },
        Command {
            name: "xdbg",
            func: xdbg,
            params: &[ArgType::Xl],
            fixup: None,
            routes: RouteMask::RFOB,
        },
    ],
    params: &[Param { name: "buf_size", kind: ParamKind::Int(&BUF_SIZE) }],
    init: Some(init),
}

fn init() -> Result<(), String> {
    match BUF_SIZE.get() {
        1..=0x7fff_ffff => Ok(()),
        other => Err(format!(
            "buf_size {other}: a positive number of bytes is needed"
        )),
    }
}

/// The third letter of `L_ERR` and its kind decides.
fn level_fixup(args: &mut [Arg]) -> Result<(), String> {
    let Some(Arg::Str(name)) = args.first() else {
        return Err("the level is missing".into());
    };
    let level = level_named(name).ok_or_else(|| {
        let name = String::from_utf8_lossy(name);
        format!(
            "unknown level \"{name}\": L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO or L_DBG"
        )
    })?;
    args[0] = Arg::Int(level.into());
    Ok(())
}

fn level_named(name: &[u8]) -> Option<i32> {
    Some(match name.get(2)? {
        b'A' => level::ALERT,
        b'C' => level::CRIT,
        b'E' => level::ERR,
        b'W' => level::WARN,
        b'N' => level::NOTICE,
        b'I' => level::INFO,
        b'D' => level::DBG,
        _ => return None,
    })
}

fn xlog(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let level = args.int(0, msg).and_then(|n| i32::try_from(n).ok());
    write(msg, args, level.unwrap_or(level::ERR), 1)
}

fn xerr(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    write(msg, args, level::ERR, 0)
}

fn xdbg(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    write(msg, args, level::DBG, 0)
}

/// -1 when the line is longer than `buf_size`; then nothing is logged. A level that is switched off
/// costs one comparison.
fn write(msg: &mut SipMsg<'_>, args: Args, level: i32, format: usize) -> i32 {
    if !enabled(level) {
        return 1;
    }
    let limit = usize::try_from(BUF_SIZE.get()).unwrap_or(0);
    match args.str(format, msg) {
        Some(line) if line.len() < limit => {
            log_at(level, line);
            1
        }
        Some(_) | None => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_letter_names_the_level() {
        assert_eq!(level_named(b"L_ERR"), Some(level::ERR));
        assert_eq!(level_named(b"L_DBG"), Some(level::DBG));
        assert_eq!(level_named(b"L_Awful"), Some(level::ALERT));
        assert_eq!(level_named(b"ERR"), None);
        assert_eq!(level_named(b""), None);
    }
}
