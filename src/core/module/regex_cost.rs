//! How large a regular expression becomes when libc compiles it: `{m,n}` and `+` copy what they repeat,
//! nested ones multiply, and each `(` is a level of libc's recursion. An expression that is too large is
//! refused before it takes the process's memory or stack; it may come from a message (`=~ $attr`).

/// Most pieces that an expression may have once its repetitions are written out.
const MAX_PIECES: u64 = 50_000;
/// Deepest nesting of groups.
const MAX_DEPTH: usize = 100;

/// `Err` says in which way the expression is too large.
pub fn check(pattern: &[u8]) -> Result<(), String> {
    let mut cost = Cost {
        rest: pattern,
        groups: Vec::new(),
        sum: 0,
        last: 0,
    };
    while let Some((&byte, rest)) = cost.rest.split_first() {
        cost.rest = rest;
        cost.piece(byte);
        if cost.groups.len() > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} groups in each other"));
        }
        if cost.total() > MAX_PIECES {
            return Err("its repetitions make it too large".into());
        }
    }
    Ok(())
}

struct Cost<'p> {
    rest: &'p [u8],
    /// Sums of the groups around this place.
    groups: Vec<u64>,
    /// Pieces of this group before the last one.
    sum: u64,
    /// The last piece, which a repetition means.
    last: u64,
}

impl Cost<'_> {
    fn total(&self) -> u64 {
        let around = self.groups.iter().fold(0u64, |n, g| n.saturating_add(*g));
        around.saturating_add(self.sum).saturating_add(self.last)
    }

    fn add(&mut self, piece: u64) {
        self.sum = self.sum.saturating_add(self.last);
        self.last = piece;
    }

    fn piece(&mut self, byte: u8) {
        match byte {
            b'\\' => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                self.add(1);
            }
            b'[' => {
                self.rest = &self.rest[bracket_length(self.rest)..];
                self.add(1);
            }
            b'(' => {
                let around = self.sum.saturating_add(self.last);
                self.groups.push(around);
                (self.sum, self.last) = (0, 0);
            }
            b')' => {
                let inner = self.sum.saturating_add(self.last).saturating_add(1);
                self.sum = self.groups.pop().unwrap_or(0);
                self.last = inner;
            }
            b'+' => self.last = self.last.saturating_mul(2),
            b'{' => self.last = self.last.saturating_mul(repetitions(self.rest)),
            _ => self.add(1),
        }
    }
}

/// Length of a bracket expression behind its `[`, with the `]`.
fn bracket_length(text: &[u8]) -> usize {
    // A ] that comes first is one of the characters.
    let mut at = usize::from(text.first() == Some(&b'^'));
    at += usize::from(text.get(at) == Some(&b']'));
    while at < text.len() {
        match text[at..] {
            [b']', ..] => return at + 1,
            [b'[', class @ (b':' | b'.' | b'='), ..] => {
                let end = text[at + 2..].windows(2).position(|w| w == [class, b']']);
                at += end.map_or(2, |end| end + 4);
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// How often `m}`, `m,}` or `m,n}` copies; 1 if it is none of these.
fn repetitions(text: &[u8]) -> u64 {
    let end = text.iter().position(|&b| b == b'}').unwrap_or(0);
    let digits = std::str::from_utf8(&text[..end]).unwrap_or_default();
    let (least, most) = digits.split_once(',').unwrap_or((digits, digits));
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    number(least).saturating_add(1).max(number(most))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_configs_use_is_small_enough() {
        for pattern in [
            &b"^sip:[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}@(.*\\.)?(iptel|example)\\.org([;:].*)*"[..],
            b"^(1|2)[[:digit:]]{7,15}$",
            b"[]a]{10}",
            b"[^]]+",
            b"a{,b",
            b"",
            b"(((",
            b")))",
        ] {
            assert!(
                check(pattern).is_ok(),
                "{}",
                String::from_utf8_lossy(pattern)
            );
        }
    }

    #[test]
    fn repetitions_of_repetitions_are_refused() {
        let plus = [b"a".to_vec(), b"+".repeat(100)].concat();
        for pattern in [
            &b"((a{1,255}){1,255}){1,255}"[..],
            b"a{30000}{30000}",
            b"(a{,30000}b){100}",
            b"((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+",
            &plus,
            &b"(".repeat(200),
        ] {
            assert!(
                check(pattern).is_err(),
                "{}",
                String::from_utf8_lossy(pattern)
            );
        }
    }
}
