//! The branch set as text: `%br`, `%bR`, `%ds`.

use super::header::MAX_LIST;
use crate::core::msg::{Branch, BumpVec, Q_UNSPECIFIED, SipMsg};
use std::io::Write;

/// `%bR`: all branches; `None` when the list is too long.
pub(super) fn write_branches<'a>(msg: &SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let start = out.len();
    for (i, branch) in msg.branches.as_slice().iter().enumerate() {
        if i > 0 {
            out.extend_from_slice_copy(b", ");
        }
        write_branch(out, branch);
    }
    (out.len() - start <= MAX_LIST).then_some(())
}

fn write_branch(out: &mut BumpVec<'_, u8>, branch: &Branch<'_>) {
    if branch.q == Q_UNSPECIFIED {
        out.extend_from_slice_copy(branch.uri);
        return;
    }
    out.push(b'<');
    out.extend_from_slice_copy(branch.uri);
    out.extend_from_slice_copy(b">;q=");
    let q = branch.q.clamp(0, 1000);
    let written = write!(out, "{}", f64::from(q) / 1000.0);
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
}

/// `%ds`: the destination set as a Contact header.
pub(super) fn write_destination_set<'a>(msg: &SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let first = msg.new_uri().map(|uri| Branch {
        uri,
        dst_uri: None,
        q: msg.ruri_q,
        socket: None,
    });
    if first.is_none() && msg.branches.as_slice().is_empty() {
        return None;
    }
    out.extend_from_slice_copy(b"Contact: ");
    for (i, branch) in first.iter().chain(msg.branches.as_slice()).enumerate() {
        if i > 0 {
            out.extend_from_slice_copy(b", ");
        }
        write_branch(out, branch);
    }
    Some(())
}
