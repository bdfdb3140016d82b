//! What children tell the attendant of their start: that they are ready, or why not.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// The pipe on which children report that they are ready, or why not.
#[derive(Debug)]
pub(super) struct Reports {
    reader: File,
    writer: File,
    text: Vec<u8>,
}

impl Reports {
    pub(super) fn open() -> nix::Result<Reports> {
        let flags = nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK;
        let (reader, writer) = nix::unistd::pipe2(flags)?;
        Ok(Reports {
            reader: reader.into(),
            writer: writer.into(),
            text: Vec::new(),
        })
    }

    /// The complete lines that have come in.
    pub(super) fn read(&mut self) -> Vec<String> {
        let mut buffer = [0; 4096];
        // A pipe without data (WouldBlock) ends the loop as its end does.
        while let Ok(n @ 1..) = self.reader.read(&mut buffer) {
            self.text.extend_from_slice(&buffer[..n]);
        }
        let complete = self
            .text
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |i| i + 1);
        let lines = self.text.drain(..complete).collect::<Vec<u8>>();
        String::from_utf8_lossy(&lines)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Where children write to.
    pub(super) fn writer(&self) -> &File {
        &self.writer
    }
}

impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// One report: number of the slot, blank, text (empty: ready), line end. Short enough for a pipe to
/// take it whole. Whoever cannot report that it is ready must not live: it would be waited for.
pub(super) fn report(mut reports: &File, slot: u16, why: &str) -> Result<(), String> {
    let why: String = why.chars().filter(|&c| c != '\n').take(800).collect();
    reports
        .write_all(format!("{slot} {why}\n").as_bytes())
        .map_err(|e| format!("no report to the attendant: {e}"))
}

/// Reads what [`report`] wrote.
pub(super) fn read_report(line: &str) -> Option<(u16, &str)> {
    let (slot, why) = line.split_once(' ')?;
    Some((slot.parse().ok()?, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_the_slot_and_why_without_line_ends() {
        assert_eq!(read_report("7 "), Some((7, "")));
        assert_eq!(read_report("12 no database"), Some((12, "no database")));
        assert_eq!(read_report("x"), None);
    }

    #[test]
    fn reports_are_taken_line_by_line() {
        let mut reports = Reports::open().unwrap();
        report(&reports.writer, 3, "").unwrap();
        report(&reports.writer, 4, "no\ndatabase").unwrap();
        assert_eq!(reports.read(), ["3 ", "4 nodatabase"]);
        assert!(reports.read().is_empty());
    }
}
