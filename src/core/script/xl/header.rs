//! `%{Name[index]}`: the body of a header.

use crate::core::msg::{BumpVec, SipMsg};
use crate::core::sip::{HdrType, Header};

/// Lists (`%bR`, `%{Name[*]}`) that would be longer are null.
pub(super) const MAX_LIST: usize = 511;

/// Which of several headers of one name.
#[derive(Clone, Copy)]
pub(super) enum HeaderIndex {
    /// From 0; negative from the end.
    At(i32),
    All,
}

/// The body; `None` when there is no such header.
pub(super) fn header<'a>(
    msg: &mut SipMsg<'a>,
    name: &[u8],
    index: HeaderIndex,
) -> Option<&'a [u8]> {
    msg.sip.parse_all().ok()?;
    let kind = HdrType::of_name(name);
    let same = |h: &&Header<'a>| match kind {
        HdrType::Other => h.name.trim_ascii().eq_ignore_ascii_case(name),
        kind => h.kind == kind,
    };
    let mut all = msg.sip.parsed_headers().iter().filter(same);
    match index {
        HeaderIndex::At(n) if n >= 0 => all.nth(n as usize).map(|h| h.body),
        HeaderIndex::At(n) => all.rev().nth(n.unsigned_abs() as usize - 1).map(|h| h.body),
        HeaderIndex::All => {
            let mut list = BumpVec::new_in(msg.arena);
            for (i, header) in all.enumerate() {
                if i > 0 {
                    list.extend_from_slice_copy(b", ");
                }
                list.extend_from_slice_copy(header.body);
            }
            (!list.is_empty() && list.len() <= MAX_LIST).then(|| list.into_bump_slice())
        }
    }
}
