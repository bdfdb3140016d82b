//! `Name[index].parameter`: which value of a header is meant.

use ser::core::module::Arg;
use ser::core::sip::{HdrType, Header};

/// Furthest index from the end.
const MOST_FROM_END: i32 = -10;

/// The bracketed part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    /// Nothing was written.
    None,
    /// From 1; from the end below 0.
    At(i32),
    /// `*`
    All,
}

/// A header by its name. A known one is meant by its compact form, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderName {
    kind: HdrType,
    /// As written.
    pub text: Vec<u8>,
}

impl HeaderName {
    /// The header of that name.
    pub fn new(text: &[u8]) -> HeaderName {
        HeaderName {
            kind: HdrType::of_name(text),
            text: text.to_vec(),
        }
    }
    /// Whether this header is meant.
    pub fn means(&self, header: &Header<'_>) -> bool {
        match self.kind {
            HdrType::Other => header.name.eq_ignore_ascii_case(&self.text),
            kind => header.kind == kind,
        }
    }
}

/// The whole reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    pub name: HeaderName,
    pub index: Index,
    pub param: Option<Vec<u8>>,
}

impl Spec {
    /// Parses the text of an argument.
    pub fn parse(text: &[u8]) -> Result<Spec, String> {
        let shown = || String::from_utf8_lossy(text).into_owned();
        let word = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let (name, mut rest) = text.split_at(text.iter().take_while(word).count());
        if name.is_empty() {
            return Err(format!("a header name is expected: \"{}\"", shown()));
        }
        let mut index = Index::None;
        if let Some(inner) = rest.strip_prefix(b"[") {
            let close = inner.iter().position(|&b| b == b']');
            let close = close.ok_or_else(|| format!("] is missing in \"{}\"", shown()))?;
            index = parse_index(&inner[..close]).ok_or_else(|| {
                format!(
                    "bad index in \"{}\": a number not below {MOST_FROM_END}, or *",
                    shown()
                )
            })?;
            rest = &inner[close + 1..];
        }
        let param = match rest.split_first() {
            None => None,
            Some((b'.', param)) if !param.is_empty() && param.iter().all(|b| word(&b)) => {
                Some(param.to_vec())
            }
            Some(_) => {
                return Err(format!(
                    "bad header value \"{}\": it is Name[index].param",
                    shown()
                ));
            }
        };
        Ok(Spec {
            name: HeaderName::new(name),
            index,
            param,
        })
    }
}

fn parse_index(text: &[u8]) -> Option<Index> {
    match text {
        b"" => Some(Index::None),
        b"*" => Some(Index::All),
        digits => {
            let n = std::str::from_utf8(digits).ok()?.trim().parse().ok()?;
            (n >= MOST_FROM_END).then_some(Index::At(n))
        }
    }
}

fn compile(args: &mut [Arg], check: fn(&Spec) -> Result<(), String>) -> Result<(), String> {
    let Some(Arg::Str(text)) = args.first() else {
        return Err("a header name is missing".into());
    };
    let spec = Spec::parse(text)?;
    check(&spec)?;
    args[0] = Arg::Custom(Box::new(spec));
    Ok(())
}

/// Where a value goes: not `*`, no parameter.
pub fn place_fixup(args: &mut [Arg]) -> Result<(), String> {
    compile(args, |spec| match (&spec.param, spec.index) {
        (Some(_), _) => Err("a parameter makes no sense here".into()),
        (None, Index::All) => Err("[*] makes no sense here".into()),
        (None, Index::None | Index::At(_)) => Ok(()),
    })
}

/// What is removed: anything.
pub fn remove_fixup(args: &mut [Arg]) -> Result<(), String> {
    compile(args, |_| Ok(()))
}

/// What is assigned to: `*` only for a parameter.
pub fn assign_fixup(args: &mut [Arg]) -> Result<(), String> {
    compile(args, |spec| match (&spec.param, spec.index) {
        (None, Index::All) => Err("[*] needs a parameter here".into()),
        _ => Ok(()),
    })
}

/// The name of a header and nothing else.
pub fn name_fixup(args: &mut [Arg]) -> Result<(), String> {
    compile(args, |spec| match (&spec.param, spec.index) {
        (None, Index::None) => Ok(()),
        _ => Err("only the name of a header makes sense here".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_index_and_parameter_are_told_apart() {
        let spec = Spec::parse(b"X-P[-1].foo").unwrap();
        assert_eq!(
            (spec.index, spec.param.as_deref()),
            (Index::At(-1), Some(&b"foo"[..]))
        );
        assert_eq!(Spec::parse(b"X-M[*]").unwrap().index, Index::All);
        assert_eq!(Spec::parse(b"X-M").unwrap().index, Index::None);
        for bad in [
            &b""[..],
            b"[1]",
            b"X-M[",
            b"X-M[-11]",
            b"X-M[z]",
            b"X-M.",
            b"X-M]",
            b"X M",
        ] {
            assert!(
                Spec::parse(bad).is_err(),
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
    }
}
