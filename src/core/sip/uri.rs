//! SIP, SIPS, TEL URIs (RFC 3261 §19, RFC 3966), as SER's parser reads them.

use super::{Params, ParseError};

/// The scheme of a URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum UriType {
    Sip,
    Sips,
    Tel,
    Tels,
    Urn,
    Cid,
}

/// A parsed URI: slices of the text that was parsed. For `tel:` the number is in `user`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Uri<'a> {
    pub text: &'a [u8],
    pub kind: UriType,
    pub user: &'a [u8],
    pub passwd: &'a [u8],
    pub host: &'a [u8],
    /// Port as text, empty when absent.
    pub port: &'a [u8],
    /// Port as number, 0 when absent.
    pub port_no: u16,
    pub params: Params<'a>,
    pub headers: &'a [u8],
    /// Value of `transport` (empty when absent).
    pub transport: &'a [u8],
    pub maddr: &'a [u8],
    pub lr: bool,
    pub r2: bool,
    /// `user=phone` was present on a sip/sips URI (then `kind` is `Tel`).
    pub user_phone: bool,
}

impl<'a> Uri<'a> {
    /// Parses `text`.
    pub fn parse(text: &'a [u8]) -> Result<Uri<'a>, ParseError> {
        let _ = text;
        todo!()
    }
}
