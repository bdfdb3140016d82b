//! One message while it is processed: what was parsed ([`crate::core::sip`]), where it came from,
//! and everything that was decided about it: edits (lumps), branches, attributes, flags.
//! Plain data; building and sending is done by [`crate::core::forward`].

mod avp;
mod branches;
mod error;
mod lumps;
mod onsend;
mod reply_lumps;
mod route_kind;
mod sip_msg;

pub use avp::{Avp, AvpClass, AvpIndex, AvpName, AvpSpec, AvpTrack, AvpValue, Avps};
pub use branches::{Branch, Branches, MAX_BRANCHES, Q_UNSPECIFIED};
/// The memory of one message and its growing buffers, for modules.
pub use bumpalo::{Bump, collections::Vec as BumpVec};
pub use error::{SerError, reason_phrase};
pub use lumps::{Anchor, Cond, Group, LumpId, Lumps, Piece, Subst};
pub use onsend::OnSend;
pub use reply_lumps::{ReplyLump, ReplyLumpKind};
pub use route_kind::RouteKind;
pub use sip_msg::{MAX_FLAG, SipMsg};
