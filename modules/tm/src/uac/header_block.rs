//! The header lines that `tm.t_uac_dlg` and its kin are given: From, To, Call-ID, CSeq and Route are taken out,
//! the rest goes into the request as it stands. The faults are those of SER's FIFO command.

use super::layout::is_header;
use crate::rpc::fault;
use ser::core::msg::{Bump, BumpVec};
use ser::core::rpc::RpcFault;
use ser::core::sip::{HdrType, Message, ParseError};

/// What the lines say.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBlock<'a> {
    pub from: &'a [u8],
    pub to: &'a [u8],
    /// Empty: not given.
    pub call_id: &'a [u8],
    /// 0: not given.
    pub cseq: u32,
    /// Values of Route.
    pub route: &'a [u8],
    /// The other lines.
    pub rest: &'a [u8],
}

/// Takes header lines (each with its CRLF) of a request with that method apart.
pub fn parse<'a>(
    method: &[u8],
    lines: &[u8],
    has_body: bool,
    arena: &'a Bump,
) -> Result<HeaderBlock<'a>, RpcFault> {
    let mut text = BumpVec::with_capacity_in(lines.len() + 64, arena);
    for part in [b"NONE sip:nobody@nowhere SIP/2.0\r\n", lines, b"\r\n"] {
        text.extend_from_slice_copy(part);
    }
    let text: &'a [u8] = text.into_bump_slice();
    let invalid = |why| match why {
        ParseError::To(_) => fault(400, "Error in To"),
        _ => fault(400, "Invalid headers"),
    };
    let mut sip = Message::parse(text, arena).map_err(invalid)?;
    sip.parse_all().map_err(invalid)?;
    let named = sip.parsed_headers().iter().all(is_header);
    if !named || sip.body().map_err(invalid)? != Some(b"") {
        return Err(fault(400, "Invalid headers"));
    }
    if has_body && sip.seen(HdrType::ContentType).is_none() {
        return Err(fault(400, "Content-Type missing"));
    }
    if sip.seen(HdrType::ContentLength).is_some() {
        return Err(fault(400, "Content-Length disallowed"));
    }
    Ok(HeaderBlock {
        to: body_of(&sip, HdrType::To).ok_or_else(|| fault(400, "To missing"))?,
        from: from(&mut sip)?,
        call_id: body_of(&sip, HdrType::CallId).unwrap_or_default(),
        cseq: cseq(&mut sip, method)?,
        route: route(&sip, arena),
        rest: rest(&sip, arena),
    })
}

fn body_of<'a>(sip: &Message<'a>, kind: HdrType) -> Option<&'a [u8]> {
    sip.seen(kind).map(|header| header.body)
}

fn from<'a>(sip: &mut Message<'a>) -> Result<&'a [u8], RpcFault> {
    match sip.from() {
        Ok(from) => Ok(from.raw),
        Err(ParseError::Missing) => Err(fault(400, "From missing")),
        Err(_) => Err(fault(400, "Error in From")),
    }
}

fn cseq(sip: &mut Message<'_>, method: &[u8]) -> Result<u32, RpcFault> {
    let Ok((_, of)) = sip.cseq() else {
        return Ok(0);
    };
    if of != method {
        return Err(fault(400, "CSeq method mismatch"));
    }
    let number = sip.cseq_number().ok().flatten();
    number.ok_or_else(|| fault(400, "Invalid CSeq number"))
}

fn route<'a>(sip: &Message<'a>, arena: &'a Bump) -> &'a [u8] {
    let mut out = BumpVec::new_in(arena);
    let headers = sip.parsed_headers().iter();
    for header in headers.filter(|h| h.kind == HdrType::Route) {
        if !out.is_empty() {
            out.extend_from_slice_copy(b", ");
        }
        out.extend_from_slice_copy(header.body);
    }
    out.into_bump_slice()
}

fn rest<'a>(sip: &Message<'a>, arena: &'a Bump) -> &'a [u8] {
    const TAKEN: [HdrType; 5] = [
        HdrType::From,
        HdrType::To,
        HdrType::CallId,
        HdrType::CSeq,
        HdrType::Route,
    ];
    let mut out = BumpVec::new_in(arena);
    let headers = sip.parsed_headers().iter();
    for header in headers.filter(|h| !TAKEN.contains(&h.kind)) {
        out.extend_from_slice_copy(header.raw);
    }
    out.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed<'a>(lines: &str, has_body: bool, arena: &'a Bump) -> Result<HeaderBlock<'a>, String> {
        parse(b"OPTIONS", lines.as_bytes(), has_body, arena).map_err(|f| f.reason)
    }

    #[test]
    fn what_tm_writes_itself_is_taken_out() {
        let arena = Bump::new();
        let lines = "From: <sip:a@b>;tag=7\r\nX-A: 1\r\nRoute: <sip:p1;lr>\r\nt: sip:b@c\r\nRoute: <sip:p2;lr>\r\n\
                     Call-ID: mine\r\nCSeq: 12 OPTIONS\r\nX-B: 2\r\n 3\r\n";
        let block = parsed(lines, false, &arena).unwrap();
        assert_eq!(
            (block.from, block.to),
            (&b"<sip:a@b>;tag=7"[..], &b"sip:b@c"[..])
        );
        assert_eq!((block.call_id, block.cseq), (&b"mine"[..], 12));
        assert_eq!(block.route, b"<sip:p1;lr>, <sip:p2;lr>");
        assert_eq!(block.rest, b"X-A: 1\r\nX-B: 2\r\n 3\r\n");
    }

    #[test]
    fn faults_are_those_of_the_original() {
        let arena = Bump::new();
        let both = "From: sip:a@b\r\nTo: sip:b@c\r\n";
        for (lines, body, fault) in [
            (both.to_owned() + "junk\r\n", false, "Invalid headers"),
            (both.to_owned() + "\r\nmore", false, "Invalid headers"),
            (both.to_owned(), true, "Content-Type missing"),
            (
                both.to_owned() + "Content-Length: 1\r\n",
                false,
                "Content-Length disallowed",
            ),
            ("To: sip:b@c\r\n".to_owned(), false, "From missing"),
            ("From: sip:b@c\r\n".to_owned(), false, "To missing"),
            (
                "From: <<\r\nTo: sip:b@c\r\n".to_owned(),
                false,
                "Error in From",
            ),
            (
                "From: sip:b@c\r\nTo: <<\r\n".to_owned(),
                false,
                "Error in To",
            ),
            (
                both.to_owned() + "CSeq: 1 INVITE\r\n",
                false,
                "CSeq method mismatch",
            ),
            (
                both.to_owned() + "CSeq: x OPTIONS\r\n",
                false,
                "Invalid CSeq number",
            ),
        ] {
            assert_eq!(
                parsed(&lines, body, &arena).err().as_deref(),
                Some(fault),
                "{lines}"
            );
        }
    }
}
