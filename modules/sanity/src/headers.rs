//! The headers that every request has, and the numbers in them (RFC 3261 §8.1.1, §20).

use crate::check::Failure;
use crate::number;
use ser::core::msg::SipMsg;
use ser::core::sip::{FirstLine, HdrType, ParseError, value};

/// To, From, CSeq, Call-ID and Via are there.
pub fn required(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    use HdrType::{CSeq, CallId, From, To, Via};
    for kind in [From, To, CallId, CSeq, Via] {
        let header = msg.sip.header(kind).map_err(Failure::Unreadable)?;
        header.ok_or(Failure::Answer(400, "Missing Required Header in Request"))?;
    }
    Ok(())
}

/// The method in CSeq is that of the request, byte for byte.
pub fn cseq_method(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let (_, method) = cseq(msg)?;
    match *msg.sip.first() {
        FirstLine::Request { method_name, .. } if method_name != method => Err(Failure::Answer(
            400,
            "CSeq method does not match request method",
        )),
        FirstLine::Request { .. } | FirstLine::Reply { .. } => Ok(()),
    }
}

/// The number in CSeq is one.
pub fn cseq_number(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let (number, _) = cseq(msg)?;
    if number::is_legal(number) {
        return Ok(());
    }
    Err(Failure::Answer(400, "CSeq number is illegal"))
}

/// Number and method, neither empty: the parser refuses a CSeq without one of them.
fn cseq<'a>(msg: &mut SipMsg<'a>) -> Result<(&'a [u8], &'a [u8]), Failure> {
    msg.sip.cseq().map_err(|why| match why {
        ParseError::Missing => Failure::NotThere("CSeq"),
        why => Failure::Unreadable(why),
    })
}

/// Each Content-Length says how long the body is.
pub fn content_length(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let body = msg.sip.body().map_err(Failure::Unreadable)?;
    let length = body.and_then(|body| u32::try_from(body.len()).ok());
    let mut all = msg
        .sip
        .headers_of(HdrType::ContentLength)
        .map_err(Failure::Unreadable)?;
    if all.all(|header| value::content_length(header.body).ok() == length) {
        return Ok(());
    }
    Err(Failure::Answer(400, "Content-Length mis-match"))
}

/// Each Expires is a number.
pub fn expires(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let all = msg
        .sip
        .headers_of(HdrType::Expires)
        .map_err(Failure::Unreadable)?;
    for header in all {
        if header.body.is_empty() {
            return Err(Failure::Answer(400, "Missing number in Expires header"));
        }
        if !number::is_legal(header.body) {
            return Err(Failure::Answer(400, "Expires value is illegal"));
        }
    }
    Ok(())
}
