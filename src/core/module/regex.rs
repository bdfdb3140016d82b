//! POSIX extended regular expressions (leftmost-longest), by libc, as in SER.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fmt;
use std::mem::MaybeUninit;

/// Most sub-matches that are reported.
const MAX_MATCHES: usize = 10;

/// Offsets of a match: 0 is the whole, 1..=9 the groups; `None` where a group took no part.
pub type Match = [Option<(usize, usize)>; MAX_MATCHES];

/// A compiled expression. It is never changed after compilation; glibc's regexec may be called on it
/// from any thread.
pub struct Regex {
    compiled: Box<libc::regex_t>,
    source: Box<[u8]>,
}

// SAFETY: regexec takes a const regex_t and glibc guards its internal state; nothing else is shared.
unsafe impl Send for Regex {}
// SAFETY: as above.
unsafe impl Sync for Regex {}

impl Regex {
    /// Compiles with REG_EXTENDED | REG_ICASE | REG_NEWLINE, what modules of SER use.
    pub fn new(pattern: &[u8]) -> Result<Regex, String> {
        Regex::with_flags(pattern, libc::REG_ICASE | libc::REG_NEWLINE)
    }
    /// Compiles for `=~` in the script: REG_EXTENDED | REG_ICASE, matches are not reported.
    pub fn script(pattern: &[u8]) -> Result<Regex, String> {
        Regex::with_flags(pattern, libc::REG_ICASE | libc::REG_NOSUB)
    }
    /// Compiles with REG_EXTENDED and `flags`.
    pub fn with_flags(pattern: &[u8], flags: i32) -> Result<Regex, String> {
        let text = CString::new(pattern).map_err(|_| "NUL in a regular expression".to_owned())?;
        super::regex_cost::check(pattern)?;
        let mut compiled = Box::new(MaybeUninit::<libc::regex_t>::uninit());
        // SAFETY: `compiled` is writable memory of the right type, `text` is NUL-terminated.
        let rc = unsafe {
            libc::regcomp(
                compiled.as_mut_ptr(),
                text.as_ptr(),
                libc::REG_EXTENDED | flags,
            )
        };
        if rc != 0 {
            return Err(error_text(rc, compiled.as_ptr()));
        }
        // SAFETY: regcomp returned 0 and so has initialised it; the box keeps its address.
        let compiled = unsafe { Box::from_raw(Box::into_raw(compiled).cast::<libc::regex_t>()) };
        Ok(Regex {
            compiled,
            source: pattern.into(),
        })
    }
    /// The pattern as written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }
    /// Whether `text` holds a match.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let mut bounds = [libc::regmatch_t {
            rm_so: 0,
            rm_eo: text.len() as libc::regoff_t,
        }];
        self.exec(text, 0, &mut bounds, 0)
    }
    /// The first match at or behind `start`; `^` matches at `start` only if `start` is 0 or a line
    /// begins there (REG_NEWLINE).
    pub fn find_at(&self, text: &[u8], start: usize) -> Option<Match> {
        let empty = libc::regmatch_t {
            rm_so: -1,
            rm_eo: -1,
        };
        let mut found = [empty; MAX_MATCHES];
        found[0] = libc::regmatch_t {
            rm_so: 0,
            rm_eo: text.len().checked_sub(start)? as libc::regoff_t,
        };
        let not_bol = start != 0 && text[start - 1] != b'\n';
        let flags = if not_bol { libc::REG_NOTBOL } else { 0 };
        if !self.exec(text, start, &mut found, flags) {
            return None;
        }
        Some(
            found.map(|m| {
                (m.rm_so >= 0).then(|| (start + m.rm_so as usize, start + m.rm_eo as usize))
            }),
        )
    }
    fn exec(&self, text: &[u8], start: usize, bounds: &mut [libc::regmatch_t], flags: i32) -> bool {
        let text = &text[start..];
        // SAFETY: with REG_STARTEND regexec reads only the bytes bounds[0] names, which lie in `text`;
        // `bounds` has the length that is passed.
        let rc = unsafe {
            libc::regexec(
                &*self.compiled,
                text.as_ptr().cast(),
                bounds.len(),
                bounds.as_mut_ptr(),
                flags | REG_STARTEND,
            )
        };
        rc == 0
    }
}

/// glibc: bounds of the text are in pmatch[0].
const REG_STARTEND: i32 = 1 << 2;

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled by regcomp and freed once.
        unsafe { libc::regfree(&mut *self.compiled) };
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", String::from_utf8_lossy(&self.source))
    }
}

fn error_text(rc: i32, re: *const libc::regex_t) -> String {
    let mut text = [0u8; 128];
    // SAFETY: the buffer's length is passed; glibc does not look at `re` for a failed compilation.
    let len = unsafe { libc::regerror(rc, re, text.as_mut_ptr().cast(), text.len()) };
    String::from_utf8_lossy(&text[..len.saturating_sub(1).min(text.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_leftmost_longest_and_ignore_case() {
        let re = Regex::new(b"a|ab(c)?").unwrap();
        let found = re.find_at(b"xxABCabc", 0).unwrap();
        assert_eq!(found[0], Some((2, 5)));
        assert_eq!(found[1], Some((4, 5)));
        assert_eq!(re.find_at(b"xxABCabc", 5).unwrap()[0], Some((5, 8)));
    }

    #[test]
    fn a_line_begins_behind_a_newline_only() {
        let re = Regex::new(b"^b").unwrap();
        assert!(re.find_at(b"ab", 1).is_none());
        assert_eq!(re.find_at(b"a\nb", 1).unwrap()[0], Some((2, 3)));
    }

    #[test]
    fn a_bad_expression_says_why() {
        assert!(Regex::new(b"a(b").unwrap_err().contains('('));
        assert!(Regex::new(b"a\0b").is_err());
    }

    #[test]
    fn nul_bytes_in_the_text_do_not_end_it() {
        assert!(Regex::script(b"x$").unwrap().is_match(b"a\0x"));
    }
}
