//! `maxfwd`: the Max-Forwards header (RFC 3261 §16.6 step 3, §20.22).

use ser::core::module::{
    Arg, ArgType, Args, Command, FixupFn, IntParam, Param, ParamKind, RouteMask,
};
use ser::core::msg::{BumpVec, Cond, Piece, SipMsg};
use ser::core::sip::HdrType;

/// Larger values are lowered to this; 0: no limit.
static MAX_LIMIT: IntParam = IntParam::new(16);

const fn command(name: &'static str, func: ser::core::module::CmdFn, fixup: FixupFn) -> Command {
    Command {
        name,
        func,
        params: &[ArgType::Int],
        fixup: Some(fixup),
        routes: RouteMask::R,
    }
}

ser::module! {
    name: "maxfwd",
    cmds: &[
        command("mf_process_maxfwd_header", process, process_fixup),
        command("process_maxfwd", process, process_fixup),
        command("mf_lowlimit", low_limit, number_fixup),
    ],
    params: &[Param { name: "max_limit", kind: ParamKind::Int(&MAX_LIMIT) }],
    init: Some(init),
}

fn init() -> Result<(), String> {
    match MAX_LIMIT.get() {
        0..=255 => Ok(()),
        other => Err(format!("max_limit {other}: it is 0 (no limit) to 255")),
    }
}

fn number_fixup(args: &mut [Arg]) -> Result<(), String> {
    match args.first() {
        Some(Arg::Int(0..=255)) => Ok(()),
        _ => Err("a number from 0 to 255 is needed".into()),
    }
}

fn process_fixup(args: &mut [Arg]) -> Result<(), String> {
    number_fixup(args)?;
    match args.first() {
        Some(Arg::Int(n)) if MAX_LIMIT.get() != 0 && *n > MAX_LIMIT.get() => {
            Err(format!("{n} is over max_limit ({})", MAX_LIMIT.get()))
        }
        _ => Ok(()),
    }
}

/// The value, and where its digits stand; `None` where there is no number.
struct Found<'a> {
    value: u32,
    digits: &'a [u8],
}

enum MaxForwards<'a> {
    Missing,
    NoNumber,
    Number(Found<'a>),
}

fn read<'a>(msg: &mut SipMsg<'a>) -> MaxForwards<'a> {
    let header = match msg.sip.header(HdrType::MaxForwards) {
        Ok(Some(header)) => header,
        Ok(None) => return MaxForwards::Missing,
        Err(_) => return MaxForwards::NoNumber,
    };
    let digits = header.body.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return MaxForwards::NoNumber;
    }
    let text = digits.iter().fold(0u32, |n, d| {
        n.saturating_mul(10).saturating_add(u32::from(d - b'0'))
    });
    // What an earlier call on this message left counts, not the text.
    MaxForwards::Number(Found {
        value: msg.max_forwards.unwrap_or(text),
        digits,
    })
}

/// Counts the hop. Missing: the header is added with the value of the argument. 0: -1. No number:
/// left alone. Otherwise one less, at most `max_limit`, right-aligned in the width it had.
fn process(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    match read(msg) {
        MaxForwards::NoNumber => 1,
        MaxForwards::Missing => {
            let Some(value) = args.int(0, msg) else {
                return -1;
            };
            add_header(msg, value.unsigned_abs() as u32);
            1
        }
        MaxForwards::Number(Found { value: 0, .. }) => -1,
        MaxForwards::Number(found) => {
            let limit = u32::try_from(MAX_LIMIT.get()).unwrap_or(0);
            let lowered = found.value - 1;
            let value = if limit != 0 && found.value > limit {
                limit
            } else {
                lowered
            };
            replace(msg, &found, value);
            1
        }
    }
}

fn digits<'a>(msg: &SipMsg<'a>, value: u32, width: usize) -> &'a [u8] {
    let mut text = BumpVec::with_capacity_in(16, msg.arena);
    ser::core::forward::text::push_number(&mut text, value.into());
    let missing = width.saturating_sub(text.len());
    if missing > 0 {
        let length = text.len();
        text.resize(width, b' ');
        text.rotate_right(width - length);
    }
    text.into_bump_slice()
}

fn replace<'a>(msg: &mut SipMsg<'a>, found: &Found<'a>, value: u32) {
    let text = digits(msg, value, found.digits.len());
    let offset = msg.sip.offset_of(found.digits);
    if msg.max_forwards.is_some() {
        msg.lumps.remove_at(offset, found.digits.len());
    }
    msg.max_forwards = Some(value);
    let id = msg.lumps.del(offset, found.digits.len());
    msg.lumps.insert_after(id, Cond::True, &[Piece::Text(text)]);
}

fn add_header(msg: &mut SipMsg<'_>, value: u32) {
    let Some(first) = msg.sip.parsed_headers().first().copied() else {
        return;
    };
    let pieces = [
        Piece::Text(b"Max-Forwards: "),
        Piece::Text(digits(msg, value, 0)),
        Piece::Text(b"\r\n"),
    ];
    let id = msg.lumps.anchor(msg.sip.offset_of(first.raw));
    msg.lumps.insert_before(id, Cond::True, &pieces);
}

/// -1 if the message has a value below the argument, else 1.
fn low_limit(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(limit) = args.int(0, msg) else {
        return -1;
    };
    match read(msg) {
        MaxForwards::Number(found) if i64::from(found.value) < limit => -1,
        _ => 1,
    }
}
