//! The module's parameters; times in milliseconds, kept in ticks by those who use them.

use ser::core::module::{IntParam, StrParam};
use ser::core::msg::{AvpIndex, AvpName, AvpSpec, AvpTrack};
use ser::core::time::ms_to_ticks;
use std::sync::OnceLock;

pub static RURI_MATCHING: IntParam = IntParam::new(1);
pub static VIA1_MATCHING: IntParam = IntParam::new(1);
pub static FR_TIMER: IntParam = IntParam::new(30_000);
pub static FR_INV_TIMER: IntParam = IntParam::new(120_000);
pub static WT_TIMER: IntParam = IntParam::new(5_000);
/// Nothing waits for references here: accepted because configs set it.
pub static DELETE_TIMER: IntParam = IntParam::new(200);
pub static RETR_TIMER1: IntParam = IntParam::new(500);
pub static RETR_TIMER2: IntParam = IntParam::new(4_000);
pub static NOISY_CTIMER: IntParam = IntParam::new(0);
pub static UAC_FROM: StrParam = StrParam::new("sip:foo@foo.bar");
pub static UNIX_TX_TIMEOUT: IntParam = IntParam::new(500);
pub static RESTART_FR: IntParam = IntParam::new(1);
pub static FR_TIMER_AVP: StrParam = StrParam::none();
pub static FR_INV_TIMER_AVP: StrParam = StrParam::none();
pub static PASS_PROVISIONAL: IntParam = IntParam::new(0);
pub static AGGREGATE_CHALLENGES: IntParam = IntParam::new(1);
pub static DEFAULT_CODE: IntParam = IntParam::new(500);
pub static DEFAULT_REASON: StrParam = StrParam::new("Server Internal Error");
/// Not in SER 2.1, which always sends it: a 100 for INVITE as soon as a transaction relays it.
pub static AUTO_INV_100: IntParam = IntParam::new(1);
/// Not in SER's tm (its lcr has it): how long a group of contacts may ring while others wait; 0: as always.
pub static FR_INV_TIMER_NEXT: IntParam = IntParam::new(30_000);
/// Where contacts wait for their turn.
pub static CONTACT_AVP: StrParam = StrParam::new("contacts");

/// The timers in ticks and what is compiled, read once.
#[derive(Debug)]
pub struct Compiled {
    pub fr: u32,
    pub fr_inv: u32,
    pub wait: u32,
    pub retr1: u32,
    pub retr2: u32,
    pub fr_avp: Option<AvpSpec>,
    pub fr_inv_avp: Option<AvpSpec>,
    pub fr_inv_next: Option<u32>,
    pub contact_avp: AvpSpec,
}

static COMPILED: OnceLock<Compiled> = OnceLock::new();

/// Checks and compiles the parameters; from `init`.
pub fn init() -> Result<(), String> {
    let compiled = Compiled {
        fr: ticks("fr_timer", &FR_TIMER)?,
        fr_inv: ticks("fr_inv_timer", &FR_INV_TIMER)?,
        wait: ticks("wt_timer", &WT_TIMER)?,
        retr1: ticks("retr_timer1", &RETR_TIMER1)?,
        retr2: ticks("retr_timer2", &RETR_TIMER2)?,
        fr_avp: to_track(avp("fr_timer_avp", &FR_TIMER_AVP)?),
        fr_inv_avp: to_track(avp("fr_inv_timer_avp", &FR_INV_TIMER_AVP)?),
        fr_inv_next: match FR_INV_TIMER_NEXT.get() {
            0 => None,
            _ => Some(ticks("fr_inv_timer_next", &FR_INV_TIMER_NEXT)?),
        },
        contact_avp: contact_avp()?,
    };
    COMPILED
        .set(compiled)
        .map_err(|_| "tm is initialised twice".into())
}

/// The compiled parameters.
pub fn get() -> &'static Compiled {
    COMPILED.get().expect("init runs before any message")
}

/// Milliseconds as at least one tick.
pub fn to_ticks(ms: i64) -> Result<u32, String> {
    let ms = u32::try_from(ms).map_err(|_| format!("{ms} ms is out of range"))?;
    Ok(ms_to_ticks(ms).max(1))
}

fn ticks(name: &str, param: &IntParam) -> Result<u32, String> {
    to_ticks(param.get()).map_err(|why| format!("parameter {name}: {why}"))
}

fn avp(name: &str, param: &StrParam) -> Result<Option<AvpSpec>, String> {
    let Some(text) = param.get().filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let text = text.strip_prefix(b"$").unwrap_or(text);
    ser::core::script::parse_avp_spec(text)
        .map(Some)
        .map_err(|why| format!("parameter {name}: {why}"))
}

/// SER looks for timers in the to track whatever the name says.
fn to_track(spec: Option<AvpSpec>) -> Option<AvpSpec> {
    spec.map(|spec| AvpSpec {
        track: Some(AvpTrack::To),
        ..spec
    })
}

fn contact_avp() -> Result<AvpSpec, String> {
    let spec =
        avp("contact_avp", &CONTACT_AVP)?.ok_or("parameter contact_avp: it names nothing")?;
    let is_plain = matches!(spec.name, AvpName::Literal(_)) && spec.index == AvpIndex::None;
    is_plain
        .then_some(spec)
        .ok_or_else(|| "parameter contact_avp: a name without pattern and index is wanted".into())
}
