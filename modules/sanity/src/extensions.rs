//! Proxy-Require (RFC 3261 §16.3 step 5, §20.29).

use crate::PROXY_REQUIRE;
use crate::check::Failure;
use ser::core::msg::{BumpVec, ReplyLump, ReplyLumpKind, SipMsg};
use ser::core::sip::{CommaList, HdrType, Header};

/// Refuses a list in which something is no option tag (RFC 3261 §25.1, token).
pub fn check_param(list: &[u8]) -> Result<(), String> {
    let token = |c: &u8| c.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(c);
    match CommaList::new(list).find(|tag| !tag.iter().all(token)) {
        None => Ok(()),
        Some(tag) => Err(format!(
            "proxy_require: \"{}\" is no option tag",
            tag.escape_ascii()
        )),
    }
}

/// All option tags in Proxy-Require are in the list of parameter `proxy_require`. Those that are not
/// go into `Unsupported` of the answer.
pub fn supported(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    let all = msg
        .sip
        .headers_of(HdrType::ProxyRequire)
        .map_err(Failure::Unreadable)?;
    let mut unknown = all.flat_map(unknown_tags).peekable();
    if unknown.peek().is_none() {
        return Ok(());
    }
    let mut line = BumpVec::with_capacity_in(64, msg.arena);
    line.extend_from_slice_copy(b"Unsupported: ");
    for (i, tag) in unknown.enumerate() {
        if i > 0 {
            line.extend_from_slice_copy(b", ");
        }
        line.extend_from_slice_copy(tag);
    }
    line.extend_from_slice_copy(b"\r\n");
    msg.reply_lumps.push(ReplyLump {
        kind: ReplyLumpKind::Header,
        text: line.into_bump_slice(),
    });
    Err(Failure::Answer(420, "Bad Extension"))
}

fn unknown_tags<'a>(header: &Header<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    CommaList::new(header.body).filter(|tag| !is_known(tag, PROXY_REQUIRE.bytes()))
}

fn is_known(tag: &[u8], list: &[u8]) -> bool {
    CommaList::new(list).any(|known| known.eq_ignore_ascii_case(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_whole_and_without_regard_to_case() {
        let list = b" 100rel, Privacy ,,x";
        assert!(is_known(b"privacy", list) && is_known(b"100REL", list) && is_known(b"x", list));
        assert!(!is_known(b"100", list) && !is_known(b"xx", list) && !is_known(b"x", b""));
    }

    #[test]
    fn a_list_with_something_else_than_tags_is_refused() {
        assert_eq!(check_param(b""), Ok(()));
        assert_eq!(check_param(b"100rel, privacy"), Ok(()));
        let why = check_param(b"100rel privacy").unwrap_err();
        assert!(why.contains("\"100rel privacy\""), "{why}");
    }
}
