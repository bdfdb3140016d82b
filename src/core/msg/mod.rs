//! One message while it is processed: what was parsed ([`crate::core::sip`]), where it came from,
//! and everything that was decided about it: edits (lumps), branches, attributes, flags.
//! Plain data; building and sending is done by [`crate::core::forward`].

mod route_kind;
pub use route_kind::RouteKind;
