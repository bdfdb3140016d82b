//! The attributes that the module reads and sets, compiled once from its parameters.

use crate::params::{AOR_ATTR, CONTACT_ATTR, REPLY_CODE_ATTR, REPLY_REASON_ATTR};
use ser::core::module::StrParam;
use ser::core::msg::{AvpName, AvpSpec, AvpTrack, AvpValue, SipMsg};
use ser::core::script;
use std::sync::OnceLock;

struct Attributes {
    code: AvpSpec,
    reason: AvpSpec,
    contact: AvpSpec,
    aor: Option<AvpSpec>,
}

static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();

/// Compiles the references; the first three must be attributes.
pub fn init() -> Result<(), String> {
    let attributes = Attributes {
        code: reference("reply_code_attr", &REPLY_CODE_ATTR)?,
        reason: reference("reply_reason_attr", &REPLY_REASON_ATTR)?,
        contact: reference("contact_attr", &CONTACT_ATTR)?,
        aor: match AOR_ATTR.bytes() {
            b"" => None,
            _ => Some(reference("aor_attr", &AOR_ATTR)?),
        },
    };
    let _ = ATTRIBUTES.set(attributes);
    Ok(())
}

fn reference(name: &str, param: &StrParam) -> Result<AvpSpec, String> {
    match param.bytes() {
        [b'$', spec @ ..] => script::parse_avp_spec(spec).map_err(|why| format!("{name}: {why}")),
        other => Err(format!(
            "{name} must begin with $, not {:?}",
            String::from_utf8_lossy(other)
        )),
    }
}

fn attributes() -> &'static Attributes {
    ATTRIBUTES.get().expect("init ran")
}

/// What `save_noreply` leaves for the script: code, reason, and the Contact line of the reply.
pub fn set_answer<'a>(msg: &mut SipMsg<'a>, code: u16, reason: &'static str, contact: &'a [u8]) {
    let all = attributes();
    msg.avps
        .assign(&all.code, false, AvpValue::Int(code.into()));
    msg.avps
        .assign(&all.reason, false, AvpValue::Str(reason.as_bytes()));
    msg.avps.assign(&all.contact, false, AvpValue::Str(contact));
}

/// The address of record to store: `aor_attr` on the To track, else the To URI as received.
pub fn aor<'a>(msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    if let Some(AvpSpec {
        name: AvpName::Literal(name),
        ..
    }) = &attributes().aor
    {
        let set = msg
            .avps
            .as_slice()
            .iter()
            .rev()
            .find_map(|avp| match avp.value {
                AvpValue::Str(aor) if avp.track == AvpTrack::To && *avp.name == **name => Some(aor),
                _ => None,
            });
        if set.is_some() {
            return set;
        }
    }
    msg.sip.to().ok().map(|to| to.uri)
}
