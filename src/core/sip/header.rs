//! Header types and names (RFC 3261 §7.3, §20).
//!
//! Invariant: names are compared whole and without regard to case; what is not known is `Other`.

use super::scan::{CASE, low_bytes};

/// Multiplier of `hash`, found by trying.
const MAGIC: u64 = 0xad45_f23d_3b1a_11df;

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

    /// The type that a header name (long or compact, any case, no blanks around it) stands for.
    pub fn of_name(name: &[u8]) -> HdrType {
        let mut start = [0; 64];
        match start.get_mut(..name.len()) {
            Some(place) => place.copy_from_slice(name),
            None => return HdrType::Other,
        }
        Self::of_start(&start, name.len())
    }

    /// The type named by the first `len` bytes of `start`; what stands behind them does not matter.
    ///
    /// A perfect hash over the length and the first eight letters picks the one candidate to compare
    /// with.
    #[inline(always)]
    pub(super) fn of_start(start: &[u8; 64], len: usize) -> HdrType {
        if len < 2 {
            return Self::of_letter(&start[..len]);
        }
        let first = word_at(start, 0) & low_bytes(len.min(8));
        let word = &WORDS[usize::from(TABLE[hash(first | CASE, len)])];
        let same = first | word.case[0] == word.text[0] && word.len == len;
        if same && (len <= 8 || word.matches_tail(start)) {
            word.kind
        } else {
            HdrType::Other
        }
    }

    /// The type that a name of one letter stands for.
    #[cold]
    fn of_letter(name: &[u8]) -> HdrType {
        match name {
            [letter] if letter.is_ascii_alphabetic() => {
                COMPACT[usize::from(letter & 31)].unwrap_or(HdrType::Other)
            }
            _ => HdrType::Other,
        }
    }

    /// The long name in its usual spelling; empty for `Other`.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(name, _)| name)
    }

    /// The type with SER's number `n`.
    pub fn from_number(n: u8) -> Option<HdrType> {
        if n == 0 {
            return Some(HdrType::Other);
        }
        let known = NAMES.iter().find(|(_, kind)| *kind as u8 == n);
        known.map(|(_, kind)| *kind)
    }
}

/// Slot of a name in `TABLE`; made so that no two names of `NAMES` share one (checked below).
#[inline(always)]
const fn hash(start: u64, len: usize) -> usize {
    (start.wrapping_add(len as u64).wrapping_mul(MAGIC) >> 56) as usize
}

/// The eight bytes of `text` that begin at `8 * n`.
#[inline(always)]
fn word_at(text: &[u8; 64], n: usize) -> u64 {
    let (words, _) = text.as_chunks();
    u64::from_le_bytes(words[n])
}

/// A known name in the form that it is compared in: small letters, in words of eight bytes.
#[repr(align(64))]
struct Word {
    text: [u64; 3],
    /// 0x20 where `text` has a letter.
    case: [u64; 3],
    len: usize,
    kind: HdrType,
}

impl Word {
    const fn new(name: &[u8], kind: HdrType) -> Word {
        let (mut text, mut case) = ([0; 3], [0; 3]);
        let mut i = 0;
        while i < name.len() {
            let shift = 8 * (i % 8);
            text[i / 8] |= (name[i].to_ascii_lowercase() as u64) << shift;
            if name[i].is_ascii_alphabetic() {
                case[i / 8] |= 0x20 << shift;
            }
            i += 1;
        }
        let len = name.len();
        Word {
            text,
            case,
            len,
            kind,
        }
    }

    /// True when `text`, whose first eight bytes are known to match, goes on with the name.
    #[inline(always)]
    fn matches_tail(&self, text: &[u8; 64]) -> bool {
        self.matches_at(text, 1) && (self.len <= 16 || self.matches_at(text, 2))
    }

    #[inline(always)]
    fn matches_at(&self, text: &[u8; 64], n: usize) -> bool {
        let word = word_at(text, n) & low_bytes((self.len - 8 * n).min(8));
        word | self.case[n] == self.text[n]
    }
}

/// The names of `NAMES`, and behind them one that nothing matches.
static WORDS: [Word; NAMES.len() + 1] = {
    let mut words = [const { Word::new(b"", HdrType::Other) }; NAMES.len() + 1];
    let mut i = 0;
    while i < NAMES.len() {
        words[i] = Word::new(NAMES[i].0.as_bytes(), NAMES[i].1);
        i += 1;
    }
    words
};

const NAMES: [(&str, HdrType); 44] = [
    ("Via", HdrType::Via),
    ("To", HdrType::To),
    ("From", HdrType::From),
    ("CSeq", HdrType::CSeq),
    ("Call-ID", HdrType::CallId),
    ("Contact", HdrType::Contact),
    ("Max-Forwards", HdrType::MaxForwards),
    ("Route", HdrType::Route),
    ("Record-Route", HdrType::RecordRoute),
    ("Content-Type", HdrType::ContentType),
    ("Content-Length", HdrType::ContentLength),
    ("Authorization", HdrType::Authorization),
    ("Expires", HdrType::Expires),
    ("Proxy-Authorization", HdrType::ProxyAuthorization),
    ("Supported", HdrType::Supported),
    ("Require", HdrType::Require),
    ("Proxy-Require", HdrType::ProxyRequire),
    ("Unsupported", HdrType::Unsupported),
    ("Allow", HdrType::Allow),
    ("Event", HdrType::Event),
    ("Accept", HdrType::Accept),
    ("Accept-Language", HdrType::AcceptLanguage),
    ("Organization", HdrType::Organization),
    ("Priority", HdrType::Priority),
    ("Subject", HdrType::Subject),
    ("User-Agent", HdrType::UserAgent),
    ("Accept-Disposition", HdrType::AcceptDisposition),
    ("Content-Disposition", HdrType::ContentDisposition),
    ("Diversion", HdrType::Diversion),
    ("Remote-Party-ID", HdrType::Rpid),
    ("Refer-To", HdrType::ReferTo),
    ("SIP-If-Match", HdrType::SipIfMatch),
    ("Session-Expires", HdrType::SessionExpires),
    ("Min-SE", HdrType::MinSe),
    ("Subscription-State", HdrType::SubscriptionState),
    ("Accept-Contact", HdrType::AcceptContact),
    ("Allow-Events", HdrType::AllowEvents),
    ("Content-Encoding", HdrType::ContentEncoding),
    ("Referred-By", HdrType::ReferredBy),
    ("Reject-Contact", HdrType::RejectContact),
    ("Request-Disposition", HdrType::RequestDisposition),
    ("WWW-Authenticate", HdrType::WwwAuthenticate),
    ("Proxy-Authenticate", HdrType::ProxyAuthenticate),
    ("Geolocation", HdrType::Geolocation),
];

/// Index into `WORDS` by `hash`; where no name lives, that of the last.
static TABLE: [u8; 256] = {
    let free = NAMES.len() as u8;
    let mut table = [free; 256];
    let mut i = 0;
    while i < NAMES.len() {
        let word = Word::new(NAMES[i].0.as_bytes(), NAMES[i].1);
        let slot = hash(word.text[0] | CASE, word.len);
        assert!(table[slot] == free, "two header names share a slot");
        table[slot] = i as u8;
        i += 1;
    }
    table
};

/// Compact forms by the low five bits of their letter.
static COMPACT: [Option<HdrType>; 32] = {
    let mut table = [None; 32];
    let forms = [
        (b't', HdrType::To),
        (b'v', HdrType::Via),
        (b'f', HdrType::From),
        (b'i', HdrType::CallId),
        (b'm', HdrType::Contact),
        (b'l', HdrType::ContentLength),
        (b'k', HdrType::Supported),
        (b'c', HdrType::ContentType),
        (b'o', HdrType::Event),
        (b'x', HdrType::SessionExpires),
        (b'a', HdrType::AcceptContact),
        (b'u', HdrType::AllowEvents),
        (b'e', HdrType::ContentEncoding),
        (b'b', HdrType::ReferredBy),
        (b'j', HdrType::RejectContact),
        (b'd', HdrType::RequestDisposition),
        (b's', HdrType::Subject),
        (b'r', HdrType::ReferTo),
    ];
    let mut i = 0;
    while i < forms.len() {
        table[(forms[i].0 & 31) as usize] = Some(forms[i].1);
        i += 1;
    }
    table
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_long_name_is_found_in_any_case() {
        for (name, kind) in NAMES {
            assert_eq!(HdrType::of_name(name.as_bytes()), kind, "{name}");
            assert_eq!(HdrType::of_name(name.to_lowercase().as_bytes()), kind);
            assert_eq!(HdrType::of_name(name.to_uppercase().as_bytes()), kind);
            assert_eq!(HdrType::from_number(kind as u8), Some(kind));
            assert_eq!(kind.name(), name);
        }
    }

    #[test]
    fn compact_names_are_found_and_other_letters_are_not() {
        let known = b"tvfimlkcoxauebjdsr";
        for letter in 0..=255u8 {
            let found = HdrType::of_name(&[letter]) != HdrType::Other;
            assert_eq!(
                found,
                known.contains(&letter.to_ascii_lowercase()),
                "{letter}"
            );
        }
        assert_eq!(HdrType::of_name(b"V"), HdrType::Via);
    }

    #[test]
    fn near_misses_are_other() {
        for name in [
            "",
            "Vias",
            "Vi",
            "Vxa",
            "Server",
            "Warning",
            "P-Asserted-Identity",
            "Call\rID",
        ] {
            assert_eq!(HdrType::of_name(name.as_bytes()), HdrType::Other, "{name}");
        }
    }
}
