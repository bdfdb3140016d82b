//! What is wrong with a file: message, place, and what would be right; shown with the line and a caret.

use super::ast::Span;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A file as it was read. Bytes that are not ASCII stand as `?` in `shown`, so that offsets agree.
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
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error; a second one at the very same place follows from the first and is left out.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, span, message.into())
    }
    /// Adds a warning.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, span, message.into())
    }
    fn add(&mut self, severity: Severity, span: Span, message: String) -> &mut Diagnostic {
        let known = self.all.iter().position(|d| {
            d.severity == severity && d.severity == Severity::Error && d.span.start == span.start
        });
        let at = known.unwrap_or_else(|| {
            self.all.push(Diagnostic {
                severity,
                message,
                span,
                help: None,
            });
            self.all.len() - 1
        });
        &mut self.all[at]
    }
    /// The error that was added last.
    pub fn last_error(&mut self) -> Option<&mut Diagnostic> {
        self.all.iter_mut().rfind(|d| d.severity == Severity::Error)
    }
    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.all
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count()
    }
    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.all.len() - self.errors()
    }
    /// All of them in order of place.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|d| d.span.start);
        all
    }
    /// All of them as text; with colors for a terminal.
    pub fn render(&self, source: &SourceFile, color: bool) -> String {
        let shown: String = source
            .bytes
            .iter()
            .map(|&b| if b.is_ascii() { b as char } else { '?' })
            .collect();
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for diagnostic in self.sorted() {
            text.push_str(&diagnostic.render(&renderer, &source.name, &shown));
            text.push_str("\n\n");
        }
        text
    }
}

impl Diagnostic {
    /// Sets what would be right.
    pub fn help(&mut self, text: impl Into<String>) {
        self.help.get_or_insert(text.into());
    }
    /// "did you mean" where a candidate is near.
    pub fn suggest<'c>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'c str>) {
        if let Some(candidate) = super::suggest::nearest(word, candidates) {
            self.help(format!("did you mean `{candidate}`?"));
        }
    }
    fn render(&self, renderer: &Renderer, file: &str, shown: &str) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let start = (self.span.start as usize).min(shown.len());
        let end = (self.span.end as usize).clamp(start, shown.len());
        // One line is enough to find the place.
        let end = shown[start..end].find('\n').map_or(end, |n| start + n);
        let snippet = Snippet::source(shown)
            .path(file)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut group = level.primary_title(&self.message).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group]).to_string()
    }
}
