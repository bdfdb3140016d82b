//! The destination set of a request as a redirection tells it (SER's print_dset; RFC 3261 §8.3).

use super::text::push_uri_q;
use crate::core::msg::{BumpVec, SipMsg};

/// Writes `Contact: URI, URI`: the Request-URI where it was rewritten, then the branches, each in
/// brackets with its q where one is known. No line end. `false`: the set is empty, nothing is written.
pub fn push_contacts<'a>(msg: &SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> bool {
    let first = msg.new_uri().map(|uri| (uri, msg.ruri_q));
    let branches = msg.branches.as_slice().iter().map(|b| (b.uri, b.q));
    let mut separator: &[u8] = b"Contact: ";
    for (uri, q) in first.into_iter().chain(branches) {
        out.extend_from_slice_copy(separator);
        push_uri_q(out, uri, q);
        separator = b", ";
    }
    separator == b", "
}
