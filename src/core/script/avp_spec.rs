//! Parses references to attributes: `name`, `class.name`, `class./regex/`, each with `[n]`, `[-n]`, `[]`;
//! and the old `s:name`, `i:123`.

use crate::core::module::Regex;
use crate::core::msg::{AvpClass, AvpIndex, AvpName, AvpSpec, AvpTrack};

/// Parses the text behind the `$`.
pub fn parse_avp_spec(text: &[u8]) -> Result<AvpSpec, String> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    let (rest, index) =
        split_index(text).ok_or_else(|| format!("bad index in attribute {}", shown()))?;
    if let Some(name) = rest.strip_prefix(b"s:").or(rest.strip_prefix(b"i:")) {
        return spec(None, None, name, index).ok_or_else(|| format!("bad attribute {}", shown()));
    }
    let (track, class, name) = match rest.iter().position(|&b| b == b'.') {
        Some(dot) => {
            let (track, class) = class(&rest[..dot])
                .ok_or_else(|| format!("unknown attribute class in {}", shown()))?;
            (track, class, &rest[dot + 1..])
        }
        None if class(rest).is_some() => {
            return Err(format!("{} is a class of attributes, not a name", shown()));
        }
        None => (None, None, rest),
    };
    if let Some(re) = name.strip_prefix(b"/").and_then(|n| n.strip_suffix(b"/")) {
        let regex = Regex::new(re)?;
        return Ok(AvpSpec {
            track,
            class,
            name: AvpName::Regex(regex),
            index,
        });
    }
    spec(track, class, name, index).ok_or_else(|| format!("bad attribute {}", shown()))
}

fn spec(
    track: Option<AvpTrack>,
    class: Option<AvpClass>,
    name: &[u8],
    index: AvpIndex,
) -> Option<AvpSpec> {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'#');
    let ok = !name.is_empty() && name.iter().all(word);
    ok.then(|| AvpSpec {
        track,
        class,
        name: AvpName::Literal(name.into()),
        index,
    })
}

/// Track and class of a prefix.
fn class(prefix: &[u8]) -> Option<(Option<AvpTrack>, Option<AvpClass>)> {
    let (from, to) = (Some(AvpTrack::From), Some(AvpTrack::To));
    Some(match prefix {
        b"f" => (from, None),
        b"t" => (to, None),
        b"fr" => (from, Some(AvpClass::Uri)),
        b"tr" => (to, Some(AvpClass::Uri)),
        b"fu" => (from, Some(AvpClass::User)),
        b"tu" => (to, Some(AvpClass::User)),
        b"fd" => (from, Some(AvpClass::Domain)),
        b"td" => (to, Some(AvpClass::Domain)),
        b"g" => (None, Some(AvpClass::Global)),
        _ => return None,
    })
}

/// Takes `[…]` off the end; `None` when it is malformed.
fn split_index(text: &[u8]) -> Option<(&[u8], AvpIndex)> {
    let Some(inner) = text.strip_suffix(b"]") else {
        return Some((text, AvpIndex::None));
    };
    let open = inner.iter().rposition(|&b| b == b'[')?;
    let digits = std::str::from_utf8(&inner[open + 1..]).ok()?.trim();
    let index = match digits {
        "" => AvpIndex::All,
        n => AvpIndex::At(n.parse().ok().filter(|n| *n != 0)?),
    };
    Some((&inner[..open], index))
}

/// Whether assignments to this class are possible from a script.
pub fn is_writable(spec: &AvpSpec) -> bool {
    !matches!(spec.class, Some(AvpClass::Domain | AvpClass::Global))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_names_and_indexes_are_told_apart() {
        let spec = parse_avp_spec(b"tu.uid[-1]").unwrap();
        assert_eq!(
            (spec.track, spec.class),
            (Some(AvpTrack::To), Some(AvpClass::User))
        );
        assert_eq!(spec.index, AvpIndex::At(-1));
        assert!(matches!(spec.name, AvpName::Literal(name) if *name == *b"uid"));
        let plain = parse_avp_spec(b"acct").unwrap();
        assert_eq!(
            (plain.track, plain.class, plain.index),
            (None, None, AvpIndex::None)
        );
        assert!(matches!(
            parse_avp_spec(b"f./^x/").unwrap().name,
            AvpName::Regex(_)
        ));
    }

    #[test]
    fn a_class_alone_and_index_zero_are_refused() {
        for bad in [&b"fu"[..], b"f", b"x[0]", b"x[y]", b"zz.x", b"", b"a b"] {
            assert!(
                parse_avp_spec(bad).is_err(),
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
    }
}
