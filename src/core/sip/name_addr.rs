//! name-addr / addr-spec with parameters: To, From, Contact, Route, … (RFC 3261 §20.10, §25.1).

/// `display-name <uri>;params`
#[derive(Clone, Copy, Debug, Default)]
pub struct NameAddr<'a> {
    /// Display name as received (quotes kept), trimmed.
    pub display: &'a [u8],
    /// The URI without brackets.
    pub uri: &'a [u8],
    /// The parameters behind it, from the first `;`'s next byte to the end of the value.
    pub params: Params<'a>,
    /// Value of `tag` (empty when absent; `has_tag` tells).
    pub tag: Option<&'a [u8]>,
    /// The whole value in the buffer.
    pub raw: &'a [u8],
}

/// A `;`-separated parameter list, kept as text and walked on demand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a>(pub &'a [u8]);

#[allow(unused_variables)]
impl<'a> Params<'a> {
    /// Walks name/value pairs; a bare parameter has `None`; quoted values come without quotes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + 'a {
        std::iter::empty()
    }
    /// First parameter of that name (case-insensitive): `Some(None)` when it has no value.
    pub fn get(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        todo!()
    }
}
