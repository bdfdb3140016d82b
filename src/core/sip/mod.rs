//! The SIP parser: bytes in, structure out. No I/O, no clock, nothing is copied.
//!
//! All values are slices of the receive buffer (`'a`). A [`Message`] is parsed up to its first Via;
//! everything else is parsed when somebody asks (RFC 3261, facts of SER in its own words).

mod header;
mod message;
mod method;
mod name_addr;
mod uri;
mod via;

pub use header::{HdrType, Header};
pub use message::{FirstLine, Message, ParseError};
pub use method::Method;
pub use name_addr::{NameAddr, Params};
pub use uri::{Uri, UriType};
pub use via::{Via, ViaProto};
