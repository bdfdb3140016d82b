//! Attributes (AVPs): named values attached to a message, in classes of two tracks (SER's usr_avp).
//!
//! Invariant: values stand in order of adding, oldest first; index `[1]` is the oldest.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use std::fmt;

/// From or To side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum AvpTrack {
    From,
    To,
}

/// What an attribute belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum AvpClass {
    Uri,
    User,
    Domain,
    Global,
}

/// A value: 32-bit integer or string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum AvpValue<'a> {
    Int(i32),
    Str(&'a [u8]),
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Avp<'a> {
    pub track: AvpTrack,
    pub class: AvpClass,
    pub name: &'a [u8],
    pub value: AvpValue<'a>,
    /// Bits of the flags declared with `avpflags`.
    pub flags: u32,
}

/// The name part of an attribute reference: a literal or a regular expression.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum AvpName {
    Literal(Box<[u8]>),
    Regex(crate::core::module::Regex),
}

/// The index part of an attribute reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AvpIndex {
    /// No index.
    None,
    /// `[]`
    All,
    /// `[n]`: 1 is the oldest, -1 the newest.
    At(i32),
}

/// A compiled attribute reference `$class.name[index]`.
#[derive(Debug)]
pub struct AvpSpec {
    /// Track, `None` where the reference names none (then from-track, then global).
    pub track: Option<AvpTrack>,
    /// Class, `None`: uri, user, domain in this order.
    pub class: Option<AvpClass>,
    /// Name.
    pub name: AvpName,
    /// Index.
    pub index: AvpIndex,
}

impl AvpSpec {
    /// The letters in front of the name; none for a reference that names neither track nor class.
    fn prefix(&self) -> String {
        let class = match self.class {
            None => "",
            Some(AvpClass::Uri) => "r",
            Some(AvpClass::User) => "u",
            Some(AvpClass::Domain) => "d",
            Some(AvpClass::Global) => "g",
        };
        match self.track {
            None => class.into(),
            Some(AvpTrack::From) => format!("f{class}"),
            Some(AvpTrack::To) => format!("t{class}"),
        }
    }
}

/// As a script writes it, `$tu.uid[1]`.
impl fmt::Display for AvpSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix();
        let dot = if prefix.is_empty() { "" } else { "." };
        write!(f, "${prefix}{dot}")?;
        match &self.name {
            AvpName::Literal(name) => f.write_str(&String::from_utf8_lossy(name))?,
            AvpName::Regex(regex) => write!(f, "{regex:?}")?,
        }
        match self.index {
            AvpIndex::None => Ok(()),
            AvpIndex::All => f.write_str("[]"),
            AvpIndex::At(n) => write!(f, "[{n}]"),
        }
    }
}

const CLASSES: [AvpClass; 4] = [
    AvpClass::Uri,
    AvpClass::User,
    AvpClass::Domain,
    AvpClass::Global,
];

/// The attributes of one message, all lists in one.
#[derive(Debug)]
pub struct Avps<'a> {
    items: BumpVec<'a, Avp<'a>>,
    changed: bool,
}

impl<'a> Avps<'a> {
    /// No attributes.
    pub fn new_in(arena: &'a Bump) -> Self {
        Avps {
            items: BumpVec::new_in(arena),
            changed: false,
        }
    }
    /// All attributes, oldest first.
    #[inline]
    pub fn as_slice(&self) -> &[Avp<'a>] {
        &self.items
    }
    /// All attributes for changing in place.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Avp<'a>] {
        self.changed = true;
        &mut self.items
    }
    /// The attributes that `spec` means, index aside: those of the first class that has any, in the
    /// order uri, user, domain, global; oldest first.
    fn matching<'s>(&'s self, spec: &'s AvpSpec) -> impl DoubleEndedIterator<Item = &'s Avp<'a>> {
        let class = CLASSES.into_iter().find(|class| {
            self.items
                .iter()
                .any(|avp| avp.class == *class && spec.matches(avp))
        });
        self.items
            .iter()
            .filter(move |avp| Some(avp.class) == class && spec.matches(avp))
    }
    /// The value that `spec` names: the indexed one, else the only one. Several values without an
    /// index count as none, as in SER's comparisons.
    pub fn lookup(&self, spec: &AvpSpec) -> Option<AvpValue<'a>> {
        let mut all = self.matching(spec);
        let avp = match spec.index {
            AvpIndex::None | AvpIndex::All => {
                let only = all.next();
                if all.next().is_some() { None } else { only }
            }
            AvpIndex::At(n) if n > 0 => all.nth(n as usize - 1),
            AvpIndex::At(n) if n < 0 => all.rev().nth(n.unsigned_abs() as usize - 1),
            AvpIndex::At(_) => None,
        };
        avp.map(|avp| avp.value)
    }
    /// Where in [`Avps::as_slice`] the attribute is that `spec` names: the indexed one, else the first of
    /// the first class that has any.
    pub fn position(&self, spec: &AvpSpec) -> Option<usize> {
        let mut all = self.matching(spec);
        let found = match spec.index {
            AvpIndex::None | AvpIndex::All => all.next(),
            AvpIndex::At(n) if n > 0 => all.nth(n as usize - 1),
            AvpIndex::At(n) => all.rev().nth((n.unsigned_abs() as usize).checked_sub(1)?),
        }?;
        self.items.iter().position(|avp| std::ptr::eq(avp, found))
    }
    /// Whether there is at least one such attribute.
    pub fn any(&self, spec: &AvpSpec) -> bool {
        self.matching(spec).next().is_some()
    }
    /// All values that `spec` names, oldest first.
    pub fn all(&self, spec: &AvpSpec, arena: &'a Bump) -> BumpVec<'a, AvpValue<'a>> {
        BumpVec::from_iter_in(self.matching(spec).map(|avp| avp.value), arena)
    }
    /// Adds one as the newest.
    pub fn push(&mut self, avp: Avp<'a>) {
        self.changed = true;
        self.items.push(avp);
    }
    /// `$spec = value`: the first of its values, or with `append` a further one. A pattern cannot be
    /// assigned to and is left alone.
    pub fn assign(&mut self, spec: &'a AvpSpec, append: bool, value: AvpValue<'a>) {
        let AvpName::Literal(name) = &spec.name else {
            return;
        };
        let (track, class) = spec.place();
        if !append {
            self.remove(spec);
        }
        self.push(Avp {
            track,
            class,
            name,
            value,
            flags: 0,
        });
    }
    /// Removes all values from where an assignment would put one.
    pub fn remove(&mut self, spec: &AvpSpec) {
        let (track, class) = spec.place();
        self.retain(|avp| !(avp.track == track && avp.class == class && spec.names(avp.name)));
    }
    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&Avp<'a>) -> bool) {
        self.changed = true;
        let mut keep = keep;
        self.items.retain(|a| keep(a));
    }
    /// Forgets all.
    pub fn clear(&mut self) {
        self.changed = true;
        self.items.clear();
    }
    /// Whether anything was changed since the last [`Avps::take_changed`].
    pub fn has_changed(&self) -> bool {
        self.changed
    }
    /// Whether anything was changed since the last call of this.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

impl AvpSpec {
    /// Where an assignment puts a value: the from track and the URI class unless the name says more.
    pub fn place(&self) -> (AvpTrack, AvpClass) {
        (
            self.track.unwrap_or(AvpTrack::From),
            self.class.unwrap_or(AvpClass::Uri),
        )
    }
    /// Whether the name part means `name`.
    pub fn names(&self, name: &[u8]) -> bool {
        match &self.name {
            AvpName::Literal(own) => **own == *name,
            AvpName::Regex(re) => re.is_match(name),
        }
    }
    /// Whether `avp` is one that this reference means, index aside. Global attributes have no track.
    pub fn matches(&self, avp: &Avp<'_>) -> bool {
        let track = avp.class == AvpClass::Global && self.track.is_none()
            || self.track.unwrap_or(AvpTrack::From) == avp.track;
        track && self.class.is_none_or(|class| class == avp.class) && self.names(avp.name)
    }
}
