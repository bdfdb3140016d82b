//! The kinds of route block (SER's cfg language), which are also the modes a message is processed in.

/// A kind of route block; the discriminants are SER's flag bits for module commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum RouteKind {
    Request = 1,
    Failure = 2,
    OnReply = 4,
    Branch = 8,
    OnSend = 16,
}

impl RouteKind {
    /// All of them.
    pub const ALL: [RouteKind; 5] = [
        RouteKind::Request,
        RouteKind::Failure,
        RouteKind::OnReply,
        RouteKind::Branch,
        RouteKind::OnSend,
    ];

    /// The word that begins such a block in ser.cfg.
    pub fn word(self) -> &'static str {
        match self {
            RouteKind::Request => "route",
            RouteKind::Failure => "failure_route",
            RouteKind::OnReply => "onreply_route",
            RouteKind::Branch => "branch_route",
            RouteKind::OnSend => "onsend_route",
        }
    }
}
