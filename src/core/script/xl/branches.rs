//! The branches of a message as a format shows them (`%bR`).

use super::header::MAX_LIST;
use crate::core::forward::text::push_uri_q;
use crate::core::msg::{BumpVec, SipMsg};

/// All branches joined by `, `; `None` where that gets too long.
pub(super) fn write_branches<'a>(msg: &SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let start = out.len();
    for (i, branch) in msg.branches.as_slice().iter().enumerate() {
        if i > 0 {
            out.extend_from_slice_copy(b", ");
        }
        push_uri_q(out, branch.uri, branch.q);
    }
    (out.len() - start <= MAX_LIST).then_some(())
}
