//! What is wrong with a file: message, place, and what would be right; shown with the line and a caret.

use super::ast::Span;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use std::collections::HashMap;

/// Most findings of each severity that are kept; more are only counted.
const MAX_KEPT: usize = 100;
/// Longest line that is shown, in bytes; of a longer one the place is told alone.
const MAX_SHOWN: usize = 4000;

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path as the operator wrote it.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// Line and column of a byte, both from 1.
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let before = &self.bytes[..(offset as usize).min(self.bytes.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        (line, before.len() - start + 1)
    }

    /// The line that byte `at` stands in, without its end, and the offset of its first byte.
    fn line(&self, at: usize) -> (usize, &[u8]) {
        let start = memchr::memrchr(b'\n', &self.bytes[..at]).map_or(0, |n| n + 1);
        let end = memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |n| at + n);
        (start, &self.bytes[start..end])
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Severity {
    Error,
    Warning,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What would be right.
    pub help: Option<String>,
}

/// All findings of a file.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    /// Which of `kept` is the error that begins at an offset.
    error_at: HashMap<u32, usize>,
    /// Takes what is no longer kept.
    spare: Option<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error; a second one at the very same place follows from the first and is left out.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        if let Some(&known) = self.error_at.get(&span.start) {
            return &mut self.kept[known];
        }
        self.errors += 1;
        if self.errors <= MAX_KEPT {
            self.error_at.insert(span.start, self.kept.len());
        }
        let keep = self.errors <= MAX_KEPT;
        self.add(keep, Severity::Error, span, message.into())
    }

    /// Adds a warning.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.warnings += 1;
        let keep = self.warnings <= MAX_KEPT;
        self.add(keep, Severity::Warning, span, message.into())
    }

    fn add(
        &mut self,
        keep: bool,
        severity: Severity,
        span: Span,
        message: String,
    ) -> &mut Diagnostic {
        let found = Diagnostic {
            severity,
            message,
            span,
            help: None,
        };
        if !keep {
            return self.spare.insert(found);
        }
        self.kept.push(found);
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }

    /// Whether further errors are only counted: no help is worth its trouble any more.
    pub fn is_full(&self) -> bool {
        self.errors >= MAX_KEPT
    }

    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// All that are kept, in order of place.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<_> = self.kept.iter().collect();
        all.sort_by_key(|d| d.span.start);
        all
    }

    /// All of them as text; with colors for a terminal.
    pub fn render(&self, source: &SourceFile, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for diagnostic in self.sorted() {
            text.push_str(&diagnostic.render(&renderer, source));
            text.push_str("\n\n");
        }
        let more = (self.errors + self.warnings).saturating_sub(self.kept.len());
        if more > 0 {
            text.push_str(&format!("and {more} more\n\n"));
        }
        text
    }
}

impl Diagnostic {
    /// Sets what would be right, unless it is set.
    pub fn help(&mut self, text: impl Into<String>) {
        self.help.get_or_insert(text.into());
    }

    /// "did you mean" where a candidate is near.
    pub fn suggest<'c>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'c str>) {
        if let Some(candidate) = super::suggest::nearest(word, candidates) {
            self.help(format!("did you mean `{candidate}`?"));
        }
    }

    /// One line is enough to find the place.
    fn render(&self, renderer: &Renderer, source: &SourceFile) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let at = (self.span.start as usize).min(source.bytes.len());
        let (line_start, line) = source.line(at);
        let number = source.position(self.span.start).0;
        let title = level.primary_title(&self.message);
        let shown = Shown::of(line);
        let mut group = if line.len() > MAX_SHOWN {
            let column = at - line_start + 1;
            let origin = Origin::path(source.name.as_str()).line(number);
            title.element(origin.char_column(column))
        } else {
            let start = shown.boundary(at - line_start);
            let end = shown.boundary((self.span.end as usize).saturating_sub(line_start));
            let snippet = Snippet::source(shown.text.as_str())
                .path(source.name.as_str())
                .line_start(number)
                .annotation(AnnotationKind::Primary.span(start..end.max(start)));
            title.element(snippet)
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group]).to_string()
    }
}

/// A line as it can be shown: offsets in it are those of the bytes.
struct Shown {
    text: String,
}

impl Shown {
    fn of(line: &[u8]) -> Shown {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let ascii = |b: &u8| if b.is_ascii() { *b as char } else { '?' };
        let text = match std::str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => line.iter().map(ascii).collect(),
        };
        Shown { text }
    }

    /// The offset, or the nearest one before it that a character begins at.
    fn boundary(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        (0..=offset)
            .rev()
            .find(|&at| self.text.is_char_boundary(at))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    fn source(text: &[u8]) -> SourceFile {
        SourceFile {
            name: "ser.cfg".into(),
            bytes: text.to_vec(),
        }
    }

    #[test]
    fn a_finding_names_file_line_and_column_and_shows_the_line() {
        let mut found = Diagnostics::default();
        found.error(span(11, 15), "wrong").suggest("forj", ["fork"]);
        let text = found.render(&source(b"debug = 3\n\tforj = no\n"), false);
        assert!(text.contains("ser.cfg:2:2"), "{text}");
        assert!(text.contains("forj = no"), "{text}");
        assert!(text.contains("^^^^"), "{text}");
        assert!(text.contains("did you mean `fork`?"), "{text}");
    }

    #[test]
    fn a_second_error_at_the_same_place_is_left_out() {
        let mut found = Diagnostics::default();
        found.error(span(3, 4), "first");
        found.error(span(3, 9), "second");
        assert_eq!(found.errors(), 1);
        assert_eq!(found.sorted()[0].message, "first");
    }

    #[test]
    fn letters_of_any_language_and_bytes_of_none_can_be_shown() {
        for text in ["# Jiří\nx".as_bytes(), b"\xff\xfe\nx", b"", b"\r\n"] {
            let mut found = Diagnostics::default();
            for at in 0..=text.len() as u32 + 2 {
                found.error(span(at, at + 1), "here");
            }
            assert!(found.render(&source(text), false).contains("here"));
        }
    }

    #[test]
    fn of_a_very_long_line_the_place_is_told() {
        let mut found = Diagnostics::default();
        found.error(span(9000, 9001), "here");
        let shown = found.render(&source(&b"x".repeat(10_000)), false);
        assert!(shown.contains("ser.cfg:1:9001"), "{shown}");
        assert!(shown.len() < 200, "{shown}");
    }

    #[test]
    fn a_thousand_errors_are_counted_and_a_hundred_shown() {
        let mut found = Diagnostics::default();
        let text = b"~~~~~~~~~\n".repeat(100);
        for at in 0..1000 {
            found.error(span(at, at + 1), "here");
        }
        assert_eq!(found.errors(), 1000);
        let shown = found.render(&source(&text), false);
        assert_eq!(shown.matches("error: here").count(), 100);
        assert!(shown.contains("and 900 more"));
    }
}
