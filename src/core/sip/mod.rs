//! The SIP parser: bytes in, structure out. No I/O, no clock, nothing is copied.
//!
//! All values are slices of the receive buffer (`'a`). A [`Message`] is parsed up to its first Via;
//! everything else is parsed when somebody asks (RFC 3261, facts of SER in its own words).
//!
//! | file | what it reads |
//! |---|---|
//! | `first_line` | request line, status line |
//! | `header_line`, `header` | one field: name, type, folded body |
//! | `message` | the whole, lazily, with the first header of each type at hand |
//! | `glance` | what a reply copies, without the rest |
//! | `call` | which call it belongs to, without the rest |
//! | `via`, `cseq`, `name_addr`, `contact`, `digest`, `value` | header bodies |
//! | `uri`, `escape` | URIs and what users write into them |
//! | `params`, `scan`, `block` | what these share |

mod block;
mod call;
mod contact;
mod cseq;
mod digest;
mod error;
mod escape;
mod first_line;
mod glance;
mod header;
mod header_line;
mod message;
mod method;
mod name_addr;
mod params;
mod scan;
#[cfg(test)]
mod shortcuts;
mod uri;
pub mod value;
mod via;

pub use call::call_of;
pub use contact::{Contact, ContactBody, ContactIter};
pub use cseq::CSeq;
pub use digest::{Algorithm, Credentials, Qop};
pub use error::{BadFirstLine, BadQ, BadUri, ParseError};
pub use escape::{normalize_tel, un_escape};
pub use first_line::FirstLine;
pub use glance::{Glance, RequestLine, request_line};
pub use header::{HdrType, Header};
pub use message::{ContactOrder, Contacts, Message};
pub use method::{COUNTED, Method, MethodSet, place_in_counted};
pub use name_addr::{NameAddr, RouteList};
pub use params::{CommaList, ParamIter, Params};
pub use uri::{Uri, UriType};
pub use value::Event;
pub use via::{Via, ViaProto};
