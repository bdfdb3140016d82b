//! `modparam("tm", "tw_append", "name: elem; elem…")`: what `t_write_*` adds to a request, by name.
//!
//! An element is `[title=]avp[spec]`, `[title=]hdr[Header]` or `msg[body]`.

use ser::core::forward::text::push_number;
use ser::core::msg::{AvpSpec, AvpValue, BumpVec, SipMsg};
use ser::core::script::parse_avp_spec;
use std::sync::{Mutex, PoisonError};

/// Where a value comes from.
#[derive(Debug)]
enum Source {
    Avp(AvpSpec),
    Header(Box<[u8]>),
}

/// A line `title: value`.
#[derive(Debug)]
struct Element {
    title: Box<[u8]>,
    source: Source,
}

/// A named list of elements.
#[derive(Debug)]
pub struct Append {
    name: String,
    elements: Vec<Element>,
    /// The body is written whatever the method is.
    pub body: bool,
}

/// Those of the config; they live as long as the program.
static ALL: Mutex<Vec<&'static Append>> = Mutex::new(Vec::new());

/// Takes one `modparam` in.
pub fn declare(text: &[u8]) -> Result<(), String> {
    let append = parse(&String::from_utf8_lossy(text))?;
    if find(&append.name).is_some() {
        return Err(format!("{} is there twice", append.name));
    }
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(Box::leak(Box::new(append)));
    Ok(())
}

/// The list of that name, in any case.
pub fn find(name: &str) -> Option<&'static Append> {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter()
        .copied()
        .find(|a| a.name.eq_ignore_ascii_case(name))
}

fn parse(text: &str) -> Result<Append, String> {
    let malformed = || format!("\"{text}\" is not of the form name: element; element");
    let (name, rest) = text.split_once(':').ok_or_else(malformed)?;
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(malformed());
    }
    let mut append = Append {
        name: name.to_owned(),
        elements: Vec::new(),
        body: false,
    };
    for part in rest.split(';').map(str::trim) {
        match part {
            // Behind the last one.
            "" => {}
            "msg[body]" => append.body = true,
            _ => append.elements.push(element(part)?),
        }
    }
    if append.elements.is_empty() && !append.body {
        return Err(malformed());
    }
    Ok(append)
}

fn element(text: &str) -> Result<Element, String> {
    let unknown = || format!("\"{text}\": avp[…], hdr[…] or msg[body] is wanted");
    let (head, inner) = text
        .strip_suffix(']')
        .and_then(|t| t.split_once('['))
        .ok_or_else(unknown)?;
    let (title, kind) = match head.split_once('=') {
        Some((title, kind)) => (Some(title.trim()), kind.trim()),
        None => (None, head.trim()),
    };
    let inner = inner.trim();
    let plain = inner.strip_prefix('$').unwrap_or(inner);
    let source = match kind {
        _ if inner.is_empty() || title == Some("") => return Err(unknown()),
        "avp" => Source::Avp(parse_avp_spec(plain.as_bytes())?),
        "hdr" => Source::Header(inner.as_bytes().into()),
        _ => return Err(unknown()),
    };
    let title = title.unwrap_or(if kind == "avp" {
        avp_name(plain)
    } else {
        inner
    });
    Ok(Element {
        title: title.as_bytes().into(),
        source,
    })
}

/// The name of an attribute without class and index.
fn avp_name(spec: &str) -> &str {
    let spec = spec.split('[').next().unwrap_or(spec);
    let behind = |at: usize| &spec[at + 1..];
    spec.rfind(['.', ':']).map_or(spec, behind)
}

impl Append {
    /// Writes its lines; what the message does not have is left out.
    pub fn write(&self, out: &mut BumpVec<'_, u8>, msg: &SipMsg<'_>) {
        for element in &self.elements {
            match &element.source {
                Source::Avp(spec) => match newest(msg, spec) {
                    Some(AvpValue::Str(text)) => line(out, &element.title, text),
                    Some(AvpValue::Int(n)) => {
                        let mut text = BumpVec::new_in(msg.arena);
                        push_number(&mut text, u64::from(n as u32));
                        line(out, &element.title, &text);
                    }
                    None => {}
                },
                Source::Header(name) => {
                    let all = msg.sip.parsed_headers().iter();
                    let mut same = all.filter(|h| h.name.eq_ignore_ascii_case(name));
                    if let Some(header) = same.next() {
                        line(out, &element.title, header.body);
                    }
                }
            }
        }
    }
}

/// The value that the reference means; of several the newest, as SER's search finds it.
fn newest<'a>(msg: &SipMsg<'a>, spec: &AvpSpec) -> Option<AvpValue<'a>> {
    let one = msg.avps.lookup(spec);
    one.or_else(|| msg.avps.all(spec, msg.arena).last().copied())
}

fn line(out: &mut BumpVec<'_, u8>, title: &[u8], value: &[u8]) {
    out.extend_from_slice_copy(title);
    out.extend_from_slice_copy(b": ");
    push_unfolded(out, value);
    out.push(b'\n');
}

/// Appends text as a part of one line: whoever sent the request cannot begin another.
pub fn push_unfolded(out: &mut BumpVec<'_, u8>, text: &[u8]) {
    let lines = text.split(|b| matches!(b, b'\r' | b'\n'));
    let parts = lines
        .map(<[u8]>::trim_ascii)
        .filter(|part| !part.is_empty());
    for (i, part) in parts.enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice_copy(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::msg::Bump;

    #[test]
    fn a_list_has_a_name_and_elements_with_titles() {
        let append =
            parse(" vm : avp[$fu.email]; X-Uid=avp[uid[1]];hdr[User-Agent]; msg[body];").unwrap();
        assert_eq!((append.name.as_str(), append.body), ("vm", true));
        let titles: Vec<_> = append.elements.iter().map(|e| &*e.title).collect();
        assert_eq!(titles, [&b"email"[..], b"X-Uid", b"User-Agent"]);
    }

    #[test]
    fn a_malformed_list_is_refused() {
        for bad in [
            "",
            "vm",
            "vm:",
            ": msg[body]",
            "v m: msg[body]",
            "vm: x",
            "vm: =avp[x]",
            "vm: avp[]",
            "vm: avp[x[0]]",
            "vm: msg[head]",
            "vm: var[x]",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folded_value_stays_one_line() {
        let arena = Bump::new();
        let mut out = BumpVec::new_in(&arena);
        push_unfolded(&mut out, b"a <sip:a@b>\r\n ;tag=1\r\n\t;x");
        assert_eq!(&*out, b"a <sip:a@b> ;tag=1 ;x");
    }
}
