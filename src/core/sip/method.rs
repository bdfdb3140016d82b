//! Request methods (SER's bit numbers).

/// A request method; the discriminants are SER's bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum Method {
    Invite = 1,
    Cancel = 2,
    Ack = 4,
    Bye = 8,
    Info = 16,
    Register = 32,
    Subscribe = 64,
    Notify = 128,
    Other = 256,
}

impl Method {
    /// The method named by `token`, compared without regard to case, as SER does.
    pub fn parse(token: &[u8]) -> Method {
        let _ = token;
        todo!()
    }
}
