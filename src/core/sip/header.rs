//! Header types and names (RFC 3261 §7.3, §20).

/// The header types that the parser knows by name; the discriminants are SER's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum HdrType {
    Other = 0,
    Via = 1,
    To = 3,
    From = 4,
    CSeq = 5,
    CallId = 6,
    Contact = 7,
    MaxForwards = 8,
    Route = 9,
    RecordRoute = 10,
    ContentType = 11,
    ContentLength = 12,
    Authorization = 13,
    Expires = 14,
    ProxyAuthorization = 15,
    Supported = 16,
    Require = 17,
    ProxyRequire = 18,
    Unsupported = 19,
    Allow = 20,
    Event = 21,
    Accept = 22,
    AcceptLanguage = 23,
    Organization = 24,
    Priority = 25,
    Subject = 26,
    UserAgent = 27,
    AcceptDisposition = 28,
    ContentDisposition = 29,
    Diversion = 30,
    Rpid = 31,
    ReferTo = 32,
    SipIfMatch = 33,
    SessionExpires = 34,
    MinSe = 35,
    SubscriptionState = 36,
    AcceptContact = 37,
    AllowEvents = 38,
    ContentEncoding = 39,
    ReferredBy = 40,
    RejectContact = 41,
    RequestDisposition = 42,
    WwwAuthenticate = 43,
    ProxyAuthenticate = 44,
    Geolocation = 45,
}

impl HdrType {
    /// One more than the largest discriminant.
    pub const COUNT: usize = 46;
}

/// One header field: slices of the receive buffer.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// What it is.
    pub kind: HdrType,
    /// The name as received (maybe compact), without colon.
    pub name: &'a [u8],
    /// The body: from the first non-blank to before the trailing white space; may be folded.
    pub body: &'a [u8],
    /// The whole field: name, colon, body, line end.
    pub raw: &'a [u8],
}
