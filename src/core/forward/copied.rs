//! The headers that a reply copies from its request (RFC 3261 §8.2.6.2): the topmost Via with `received` and
//! `rport` (§18.2.1, RFC 3581 §4), To with our tag.
//!
//! Every header ends in CRLF, however it ended in the request.

use super::text::{end_line, push_ip, push_number};
use crate::core::msg::BumpVec;
use crate::core::sip::{HdrType, Header, Via};
use std::net::SocketAddr;

/// What copying needs to know of the request.
pub(super) struct Copied<'r> {
    /// The datagram.
    pub buf: &'r [u8],
    /// Its topmost Via.
    pub via: Option<&'r Via<'r>>,
    /// Where it came from.
    pub src: SocketAddr,
    /// The topmost Via gets `rport`.
    pub rport: bool,
    /// It gets `received`.
    pub received: bool,
}

impl Copied<'_> {
    /// Writes what a reply has of `headers`; `to_tag` is given to a To that has none.
    pub(super) fn write<'h>(
        &self,
        out: &mut BumpVec<'_, u8>,
        headers: impl Iterator<Item = &'h Header<'h>>,
        to_tag: Option<&[u8]>,
    ) {
        let mut topmost = true;
        for header in headers {
            match header.kind {
                HdrType::Via => {
                    self.write_via(out, header, topmost);
                    topmost = false;
                }
                HdrType::To => write_to(out, header, to_tag),
                _ => out.extend_from_slice_copy(header.raw),
            }
            // The last one may be cut off, and all may end in CR alone where no LF follows.
            end_line(out);
        }
    }

    /// The topmost value gets `rport` and `received`.
    fn write_via(&self, out: &mut BumpVec<'_, u8>, header: &Header<'_>, topmost: bool) {
        let start = self.offset_of(header.raw);
        let end = self.offset_of(header.body) + header.body.len();
        match self.via.filter(|_| topmost) {
            None => out.extend_from_slice_copy(&self.buf[start..end]),
            Some(via) => self.write_topmost(out, via, start, end),
        }
        out.extend_from_slice_copy(b"\r\n");
    }

    /// The header from `start` to `end`, whose first value is `via`.
    fn write_topmost(&self, out: &mut BumpVec<'_, u8>, via: &Via<'_>, start: usize, end: usize) {
        let buf = self.buf;
        let params_end = self.params_end(via);
        let mut at = start;
        // Replace in place what is there, in the order of the text.
        let mut old = [
            (via.rport_raw.filter(|_| self.rport), true),
            (via.received_raw.filter(|_| self.received), false),
        ];
        old.sort_by_key(|(raw, _)| raw.map_or(usize::MAX, |raw| self.offset_of(raw)));
        for (raw, is_rport) in old {
            let Some(raw) = raw else { continue };
            let offset = self.offset_of(raw);
            out.extend_from_slice_copy(&buf[at..offset]);
            at = offset + raw.len();
            if is_rport {
                self.push_rport(out)
            } else {
                self.push_received(out)
            }
        }
        out.extend_from_slice_copy(&buf[at..params_end]);
        if self.rport && via.rport_raw.is_none() {
            self.push_rport(out);
        }
        if self.received && via.received_raw.is_none() {
            self.push_received(out);
        }
        if buf.get(params_end) == Some(&b'(') {
            out.push(b' ');
        }
        out.extend_from_slice_copy(&buf[params_end..end]);
    }

    /// Where the parameters of a Via end: at its end, or before the comment that RFC 2543 §6.40 allows there.
    fn params_end(&self, via: &Via<'_>) -> usize {
        let start = self.offset_of(via.raw);
        if via.comment.is_empty() {
            return start + via.raw.len();
        }
        let before = &self.buf[start..self.offset_of(via.comment)];
        let open = before.iter().rposition(|&b| b == b'(').unwrap_or(0);
        start + before[..open].trim_ascii_end().len()
    }

    fn push_rport(&self, out: &mut BumpVec<'_, u8>) {
        out.extend_from_slice_copy(b";rport=");
        push_number(out, self.src.port().into());
    }

    fn push_received(&self, out: &mut BumpVec<'_, u8>) {
        out.extend_from_slice_copy(b";received=");
        push_ip(out, self.src.ip());
    }

    /// Offset of a slice of the datagram.
    fn offset_of(&self, part: &[u8]) -> usize {
        (part.as_ptr() as usize).wrapping_sub(self.buf.as_ptr() as usize)
    }
}

/// To with the tag appended behind its body, the line end kept.
fn write_to(out: &mut BumpVec<'_, u8>, header: &Header<'_>, to_tag: Option<&[u8]>) {
    let Some(tag) = to_tag else {
        out.extend_from_slice_copy(header.raw);
        return;
    };
    let body_end = header.body.as_ptr() as usize + header.body.len() - header.raw.as_ptr() as usize;
    let (before, line_end) = header.raw.split_at(body_end);
    out.extend_from_slice_copy(before);
    out.extend_from_slice_copy(b";tag=");
    out.extend_from_slice_copy(tag);
    out.extend_from_slice_copy(line_end);
}
