//! Parameters of the module (names and defaults of SER 2.1, and those of 0.8/0.9).

use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::msg::MAX_FLAG;

/// Seconds, where neither Contact nor Expires says anything usable.
pub static DEFAULT_EXPIRES: IntParam = IntParam::new(3600);
/// Thousandths; -1: unspecified.
pub static DEFAULT_Q: IntParam = IntParam::new(-1);
/// 0: `lookup` takes the first contact alone.
pub static APPEND_BRANCHES: IntParam = IntParam::new(1);
/// Message flag that `save` copies into the contact's NAT flag.
pub static SAVE_NAT_FLAG: IntParam = IntParam::new(4);
/// Message flag that `lookup` sets when a contact that it uses is behind a NAT.
pub static LOAD_NAT_FLAG: IntParam = IntParam::new(4);
/// Seconds; shorter (but not 0) is raised.
pub static MIN_EXPIRES: IntParam = IntParam::new(60);
/// Seconds; longer is lowered; 0: no limit.
pub static MAX_EXPIRES: IntParam = IntParam::new(0);
/// Name of the parameter with the source address in answers.
pub static RECEIVED_PARAM: StrParam = StrParam::new("received");
/// Most contacts of a user; 0: no limit.
pub static MAX_CONTACTS: IntParam = IntParam::new(0);
/// 1: `lookup` appends the source address to the URI instead of sending there.
pub static RECEIVED_TO_URI: IntParam = IntParam::new(0);
/// Attribute that `save_noreply` sets to the status.
pub static REPLY_CODE_ATTR: StrParam = StrParam::new("$code");
/// Attribute that `save_noreply` sets to the reason phrase.
pub static REPLY_REASON_ATTR: StrParam = StrParam::new("$reason");
/// Attribute that `save_noreply` sets to the Contact line.
pub static CONTACT_ATTR: StrParam = StrParam::new("$contact");
/// Attribute with the address of record to store; empty: To decides.
pub static AOR_ATTR: StrParam = StrParam::new("$aor");
/// Message flag with which a `received` in a Contact is believed; -2: always, -1: never.
pub static TRUST_RECEIVED_FLAG: IntParam = IntParam::new(-2);
/// Seconds in a Retry-After of 5xx answers; 0: none (SER 0.9).
pub static RETRY_AFTER: IntParam = IntParam::new(0);
/// Users are told apart by user@domain instead of by user (SER 0.8, 0.9).
pub static USE_DOMAIN: IntParam = IntParam::new(0);
/// The user part is compared as written (SER 0.9).
pub static CASE_SENSITIVE: IntParam = IntParam::new(0);

const fn int(name: &'static str, place: &'static IntParam) -> Param {
    Param {
        name,
        kind: ParamKind::Int(place),
    }
}
const fn flag(name: &'static str, place: &'static IntParam) -> Param {
    Param {
        name,
        kind: ParamKind::Flag(place),
    }
}
const fn text(name: &'static str, place: &'static StrParam) -> Param {
    Param {
        name,
        kind: ParamKind::Str(place),
    }
}

/// All parameters, as the module exports them.
pub const TABLE: &[Param] = &[
    int("default_expires", &DEFAULT_EXPIRES),
    int("default_q", &DEFAULT_Q),
    int("append_branches", &APPEND_BRANCHES),
    flag("save_nat_flag", &SAVE_NAT_FLAG),
    flag("load_nat_flag", &LOAD_NAT_FLAG),
    int("min_expires", &MIN_EXPIRES),
    int("max_expires", &MAX_EXPIRES),
    text("received_param", &RECEIVED_PARAM),
    int("max_contacts", &MAX_CONTACTS),
    int("received_to_uri", &RECEIVED_TO_URI),
    text("reply_code_attr", &REPLY_CODE_ATTR),
    text("reply_reason_attr", &REPLY_REASON_ATTR),
    text("contact_attr", &CONTACT_ATTR),
    text("aor_attr", &AOR_ATTR),
    flag("trust_received_flag", &TRUST_RECEIVED_FLAG),
    int("retry_after", &RETRY_AFTER),
    int("use_domain", &USE_DOMAIN),
    int("case_sensitive", &CASE_SENSITIVE),
    Param {
        name: "nat_flag",
        kind: ParamKind::IntFn(set_nat_flag),
    },
];

/// `trust_received_flag`: every `received` is believed.
pub const TRUST_ALL: i64 = -2;

/// `nat_flag` of 0.8/0.9 is both flags of 2.x.
fn set_nat_flag(flag: i64) -> Result<(), String> {
    SAVE_NAT_FLAG.set(flag);
    LOAD_NAT_FLAG.set(flag);
    Ok(())
}

/// Checks and clips the values; runs in `init`.
pub fn check() -> Result<(), String> {
    if DEFAULT_Q.get() != -1 {
        DEFAULT_Q.set(DEFAULT_Q.get().clamp(0, 1000));
    }
    for (name, flag, lowest) in [
        ("save_nat_flag", &SAVE_NAT_FLAG, -1),
        ("load_nat_flag", &LOAD_NAT_FLAG, -1),
        ("trust_received_flag", &TRUST_RECEIVED_FLAG, TRUST_ALL),
    ] {
        if !(lowest..=MAX_FLAG).contains(&flag.get()) {
            let number = flag.get();
            return Err(format!(
                "{name} {number}: message flags are 0 to {MAX_FLAG}"
            ));
        }
    }
    for (name, value) in [
        ("default_expires", &DEFAULT_EXPIRES),
        ("min_expires", &MIN_EXPIRES),
        ("max_expires", &MAX_EXPIRES),
        ("max_contacts", &MAX_CONTACTS),
        ("retry_after", &RETRY_AFTER),
    ] {
        if value.get() < 0 {
            return Err(format!("{name} must not be negative"));
        }
    }
    Ok(())
}

/// The bit of a message flag parameter; no bit for -1 (off).
pub fn flag_bit(flag: &IntParam) -> u32 {
    u32::try_from(flag.get()).map_or(0, |n| 1 << n)
}
