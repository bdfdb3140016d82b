//! A manual page in the macros of man(7).
//!
//! Invariant: text is text, whatever it holds. What stands between backquotes in it is shown bold, as what is
//! to be typed; nothing else is markup.

use ser::core::module::version::{NAME, VERSION};
use std::fmt::Write;

/// One page.
pub struct Page {
    name: &'static str,
    section: u8,
    text: String,
}

impl Page {
    /// With its NAME section. `part` of the manual is what the page's head says.
    pub fn new(name: &'static str, section: u8, part: &str, what: &str) -> Page {
        let version = format!("{NAME} {VERSION}");
        let head = [name, &section.to_string(), "", &version, part].map(quoted);
        let mut page = Page {
            name,
            section,
            // Names that are to be typed are not parted at the end of a line.
            text: format!(".TH {}\n.nh\n", head.join(" ")),
        };
        page.section("NAME");
        page.text.push_str(&format!("{} \\- ", escape(name)));
        page.line(what);
        page
    }

    /// Where it belongs below the folder of all pages.
    pub fn file(&self) -> String {
        format!("man{0}/{1}.{0}", self.section, self.name)
    }

    /// The source.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A heading.
    pub fn section(&mut self, title: &str) {
        self.macro_with("SH", title);
    }

    /// A heading below one.
    pub fn subsection(&mut self, title: &str) {
        self.macro_with("SS", title);
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.text.push_str(".PP\n");
        self.line(text);
    }

    /// Something, and indented below it what there is to say of it.
    pub fn item(&mut self, tag: &str, text: &str) {
        self.text.push_str(".TP\n");
        self.line(tag);
        self.line(text);
    }

    /// Lines that stay as they are.
    pub fn lines(&mut self, lines: &[&str]) {
        self.text.push_str(".PP\n.RS 4\n.nf\n");
        for line in lines {
            self.text.push_str(&first(escape(line)));
            self.text.push('\n');
        }
        self.text.push_str(".fi\n.RE\n");
    }

    fn macro_with(&mut self, name: &str, argument: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, ".{name} {}", quoted(argument));
    }

    fn line(&mut self, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.text.push_str(&first(inline(&text)));
        self.text.push('\n');
    }
}

/// An argument of a macro.
fn quoted(text: impl AsRef<str>) -> String {
    format!("\"{}\"", escape(text.as_ref()).replace('"', "\\(dq"))
}

/// A line of text must not look like a request.
fn first(line: String) -> String {
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '`' => out.push_str("\\(ga"),
            '\'' => out.push_str("\\(aq"),
            '…' => out.push_str("..."),
            c => out.push(c),
        }
    }
    out
}

/// Prose with what is to be typed in backquotes.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (i, piece) in text.split('`').enumerate() {
        match i % 2 {
            // A hyphen in prose is one; an apostrophe too.
            0 => out.push_str(&escape(piece).replace("\\-", "-").replace("\\(aq", "'")),
            _ => out.push_str(&format!("\\fB{}\\fR", escape(piece))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_request_or_an_escape_is_text() {
        let mut page = Page::new("x", 8, "part", "what");
        page.paragraph(".so /etc/passwd \\n");
        page.lines(&[".SH", "'x' -c"]);
        let text = page.text();
        assert!(text.contains("\n\\&.so /etc/passwd \\en\n"), "{text}");
        assert!(text.contains("\n\\&.SH\n\\(aqx\\(aq \\-c\n"), "{text}");
    }

    #[test]
    fn backquotes_show_what_is_typed() {
        assert_eq!(
            inline("see `-f x`, well-known"),
            "see \\fB\\-f x\\fR, well-known"
        );
    }

    #[test]
    fn a_page_goes_to_the_folder_of_its_section() {
        assert_eq!(Page::new("ser.cfg", 5, "", "").file(), "man5/ser.cfg.5");
    }
}
