//! The values of a header, over all its lines: split at commas outside of quotes and angle brackets.

use super::spec::HeaderName;
use ser::core::msg::SipMsg;
use ser::core::sip::Header;

/// One line of the header with its values.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    pub header: Header<'a>,
    pub values: Vec<&'a [u8]>,
}

/// A value by its line and its place there.
pub type Place = (usize, usize);

/// All lines of that header; `None` where the message is malformed.
pub fn lines<'a>(msg: &mut SipMsg<'a>, name: &HeaderName) -> Option<Vec<Line<'a>>> {
    msg.sip.parse_all().ok()?;
    let headers = msg.sip.parsed_headers().iter().filter(|h| name.means(h));
    Some(
        headers
            .map(|h| Line {
                header: *h,
                values: split(h.body),
            })
            .collect(),
    )
}

/// The same with the whole body as the one value of a line.
pub fn whole_lines<'a>(msg: &mut SipMsg<'a>, name: &HeaderName) -> Option<Vec<Line<'a>>> {
    let mut all = lines(msg, name)?;
    all.iter_mut()
        .for_each(|line| line.values = vec![line.header.body]);
    Some(all)
}

/// Where each value is, in order.
pub fn places(lines: &[Line<'_>]) -> Vec<Place> {
    let of_line =
        |(l, line): (usize, &Line<'_>)| (0..line.values.len()).map(move |v| (l, v)).collect();
    lines
        .iter()
        .enumerate()
        .flat_map::<Vec<Place>, _>(of_line)
        .collect()
}

/// The place with that index: from 1, or from the end below 0.
pub fn at(places: &[Place], index: i32) -> Option<Place> {
    let n = index.unsigned_abs() as usize;
    let from_start = if index > 0 {
        n.checked_sub(1)?
    } else {
        places.len().checked_sub(n)?
    };
    places.get(from_start).copied()
}

fn split(body: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let (mut start, mut at) = (0, 0);
    let (mut quoted, mut bracket) = (false, false);
    while let Some(&byte) = body.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'<' if !quoted => bracket = true,
            b'>' if !quoted => bracket = false,
            b',' if !quoted && !bracket => {
                all.push(body[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    all.push(body[start..].trim_ascii());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        assert_eq!(split(b"b, c"), [&b"b"[..], b"c"]);
        let tricky = br#""a, \"b" <sip:x;y=1,2>;p="q,r" , z"#;
        assert_eq!(
            split(tricky),
            [&br#""a, \"b" <sip:x;y=1,2>;p="q,r""#[..], b"z"]
        );
        assert_eq!(split(b""), [b""]);
    }

    #[test]
    fn places_are_counted_from_either_end() {
        let all = [(0, 0), (1, 0), (1, 1)];
        assert_eq!(at(&all, 1), Some((0, 0)));
        assert_eq!(at(&all, -1), Some((1, 1)));
        assert_eq!((at(&all, 0), at(&all, 4), at(&all, -4)), (None, None, None));
    }
}
