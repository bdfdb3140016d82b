//! Text that is added to replies which the server itself makes to this request.

/// Where the text goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyLumpKind {
    /// Complete header lines with their CRLF.
    Header,
    /// The body.
    Body,
}

/// One addition to later replies, in order of adding.
#[derive(Clone, Copy, Debug)]
pub struct ReplyLump<'a> {
    /// Where it goes.
    pub kind: ReplyLumpKind,
    /// The text.
    pub text: &'a [u8],
}
