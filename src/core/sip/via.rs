//! Via (RFC 3261 §20.42).

use super::{Params, ParseError};

/// Transport named in a Via.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum ViaProto {
    Udp,
    Tcp,
    Tls,
    Sctp,
    Ws,
    Wss,
    Other,
}

/// One Via value.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Via<'a> {
    /// The whole value, from `SIP` to before the comma or line end.
    pub raw: &'a [u8],
    pub transport: &'a [u8],
    pub proto: ViaProto,
    /// Host; IPv6 references keep their brackets.
    pub host: &'a [u8],
    /// Port text, empty when absent.
    pub port: &'a [u8],
    pub port_no: u16,
    /// `host[:port]` as it stands, the place where received/rport are put behind.
    pub hostport: &'a [u8],
    pub params: Params<'a>,
    pub branch: Option<&'a [u8]>,
    pub received: Option<&'a [u8]>,
    /// `Some("")` for a bare `rport`.
    pub rport: Option<&'a [u8]>,
    pub i: Option<&'a [u8]>,
    pub alias: bool,
    pub comment: &'a [u8],
    /// Whole parameter text with its `;`, for replacing in place: `;received=..`, `;rport[=..]`.
    pub received_raw: Option<&'a [u8]>,
    pub rport_raw: Option<&'a [u8]>,
    /// Another value follows in the same header, separated by a comma.
    pub more: bool,
}

impl<'a> Via<'a> {
    /// Parses the first value of a Via header body; `rest` is what follows its comma.
    pub fn parse(body: &'a [u8]) -> Result<(Via<'a>, Option<&'a [u8]>), ParseError> {
        let _ = body;
        todo!()
    }
}
