//! One line of the log while it is put together, in a buffer that each thread keeps.
//!
//! Format on stderr: process number in two columns, `(pid) `, text; on a terminal the text stands
//! between the level's colour and, behind the line end, the reset code.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;

/// A buffer that grew beyond this is not kept.
const KEEP: usize = 16 * 1024;

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with an empty line. A log call made while a line is being formatted gets a buffer of its own.
pub(super) fn with(f: impl FnOnce(&mut Vec<u8>)) {
    let taken = LINE.try_with(|line| line.take());
    let mut line = taken.unwrap_or_default();
    line.clear();
    f(&mut line);
    if line.capacity() <= KEEP {
        // Fails only while the thread ends: then there is nothing to keep.
        let _ = LINE.try_with(|kept| kept.replace(line));
    }
}

/// Appends formatted text; a `Display` that fails leaves what it wrote until then.
pub(super) fn append(line: &mut Vec<u8>, args: fmt::Arguments<'_>) {
    let _ = line.write_fmt(args);
}

/// `%2d(pid) `.
pub(super) fn start(line: &mut Vec<u8>, process_no: i32, pid: i32) {
    append(line, format_args!("{process_no:2}({pid}) "));
}

/// The text, in colour if there is one.
pub(super) fn coloured(line: &mut Vec<u8>, colour: Option<&str>, text: impl FnOnce(&mut Vec<u8>)) {
    if let Some(colour) = colour {
        append(line, format_args!("\x1b[{colour}m"));
    }
    text(line);
    finish(line);
    if colour.is_some() {
        line.extend_from_slice(b"\x1b[00m");
    }
}

/// Adds the line end unless the text brought its own.
pub(super) fn finish(line: &mut Vec<u8>) {
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_has_number_pid_text_and_one_line_end() {
        for text in [&b"hello"[..], b"hello\n"] {
            let mut line = Vec::new();
            start(&mut line, 7, 1234);
            coloured(&mut line, None, |l| l.extend_from_slice(text));
            assert_eq!(line, b" 7(1234) hello\n");
        }
    }

    #[test]
    fn the_reset_code_stands_behind_the_line_end() {
        let mut line = Vec::new();
        start(&mut line, 12, 5);
        coloured(&mut line, Some("01;33"), |l| l.extend_from_slice(b"x"));
        assert_eq!(line, b"12(5) \x1b[01;33mx\n\x1b[00m");
    }

    #[test]
    fn a_log_call_inside_a_log_call_does_not_disturb_it() {
        with(|outer| {
            outer.extend_from_slice(b"outer");
            with(|inner| inner.extend_from_slice(b"inner"));
            assert_eq!(outer, b"outer");
        });
    }
}
