//! The URIs that a request is routed and recognised by can be read (RFC 3261 §16.3 step 1).

use crate::check::Failure;
use ser::core::msg::SipMsg;
use ser::core::sip::{ContactOrder, HdrType, ParseError, Uri};

const RURI: u32 = 1;
const FROM: u32 = 2;
const TO: u32 = 4;
const CONTACT: u32 = 8;

/// Largest sum of URI bits.
pub const ALL_URIS: u32 = RURI | FROM | TO | CONTACT;

/// Reads the URIs whose bits are set.
pub fn readable(msg: &mut SipMsg<'_>, uris: u32) -> Result<(), Failure> {
    if uris & RURI != 0 {
        let read = msg.parsed_uri();
        read.map_err(|_| Failure::Answer(400, "Bad Request URI"))?;
    }
    if uris & FROM != 0 {
        from(msg)?;
    }
    if uris & TO != 0 {
        to(msg)?;
    }
    if uris & CONTACT != 0 {
        contacts(msg)?;
    }
    Ok(())
}

fn uri(text: &[u8], reason: &'static str) -> Result<(), Failure> {
    match Uri::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::Answer(400, reason)),
    }
}

fn from(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let header = msg.sip.header(HdrType::From).map_err(Failure::Unreadable)?;
    header.ok_or(Failure::Answer(400, "Missing From Header"))?;
    match msg.sip.from() {
        Ok(from) => uri(from.uri, "Bad From URI"),
        Err(_) => Err(Failure::Answer(400, "Bad From header")),
    }
}

/// A To that cannot be read at all is refused by the parser.
fn to(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    match msg.sip.to() {
        Ok(to) => uri(to.uri, "Bad To URI"),
        Err(ParseError::Missing) => Err(Failure::Answer(400, "Missing To Header")),
        Err(why) => Err(Failure::Unreadable(why)),
    }
}

/// All addresses of all Contact headers, `*` aside.
fn contacts(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let contacts = msg.sip.contacts(ContactOrder::Text);
    let contacts = contacts.map_err(|why| match why {
        ParseError::Contact(_) => Failure::Answer(400, "Bad Contact Header"),
        why => Failure::Unreadable(why),
    })?;
    let mut list = contacts.map_or(&[][..], |all| all.list).iter();
    list.try_for_each(|contact| uri(contact.uri, "Bad Contact URI"))
}
