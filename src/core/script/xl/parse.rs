//! Compiles the text of a format.

use super::header::HeaderIndex;
use super::spec::{FIRST_LETTERS, spec};
use super::{Piece, XlFormat};
use crate::core::script::parse_avp_spec;
use crate::core::script::select::{self, Select};

impl XlFormat {
    /// Compiles a format; the error says what is malformed.
    pub fn parse(text: &[u8]) -> Result<XlFormat, String> {
        let mut parser = Parser {
            rest: text,
            pieces: Vec::new(),
            literal: Vec::new(),
            colored: false,
        };
        while let Some((&byte, rest)) = parser.rest.split_first() {
            parser.rest = rest;
            if byte == b'%' {
                parser.specifier()?
            } else {
                parser.literal.push(byte)
            }
        }
        parser.flush();
        Ok(XlFormat {
            source: String::from_utf8_lossy(text).into_owned(),
            pieces: parser.pieces,
            colored: parser.colored,
        })
    }
}

struct Parser<'t> {
    rest: &'t [u8],
    pieces: Vec<Piece>,
    literal: Vec<u8>,
    colored: bool,
}

impl Parser<'_> {
    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pieces
                .push(Piece::Text(std::mem::take(&mut self.literal)));
        }
    }

    fn push(&mut self, piece: Piece) {
        self.flush();
        self.pieces.push(piece);
    }

    fn take(&mut self, n: usize) {
        self.rest = &self.rest[n.min(self.rest.len())..];
    }

    /// Reads what follows a `%`.
    fn specifier(&mut self) -> Result<(), String> {
        let Some(&first) = self.rest.first() else {
            return Err("a format ends in %; write %% for a percent sign".into());
        };
        match first {
            b'%' => {
                self.literal.push(b'%');
                self.take(1);
            }
            b' ' | b'|' => self.take(1),
            b'C' => self.color()?,
            b'{' => self.header()?,
            b'<' => {
                let end = self.closing(b'>')?;
                self.take(end + 1);
                self.push(Piece::Null);
            }
            b'$' => self.avp(),
            b'@' => self.select()?,
            _ => self.two_letters(first),
        }
        Ok(())
    }

    fn two_letters(&mut self, first: u8) {
        let second = self.rest.get(1).copied();
        let known = second.and_then(|second| spec([first, second]));
        match known {
            Some(spec) => {
                self.take(2);
                self.push(Piece::Spec(spec));
            }
            None if FIRST_LETTERS.contains(&first) => {
                self.take(2);
                self.push(Piece::Null);
            }
            None => {
                self.take(1);
                self.push(Piece::Null);
            }
        }
    }

    fn closing(&self, bracket: u8) -> Result<usize, String> {
        self.rest
            .iter()
            .position(|&b| b == bracket)
            .ok_or_else(|| format!("{} is missing in a format", bracket as char))
    }

    fn color(&mut self) -> Result<(), String> {
        let number = |letter: u8| {
            b"xsrgybpcw"
                .iter()
                .position(|&l| l == letter.to_ascii_lowercase())
        };
        let (Some(&fg), Some(&bg)) = (self.rest.get(1), self.rest.get(2)) else {
            return Err("%C wants two color letters".into());
        };
        let (Some(f), Some(b)) = (number(fg), number(bg)) else {
            return Err(format!("bad color %C{}{}", fg as char, bg as char));
        };
        // x is "default" (39, 49); s black, r red, … are 30.. and 40..
        let code = |index: usize, base: usize| {
            if index == 0 {
                base + 9
            } else {
                base + index - 1
            }
        };
        let bold = u8::from(fg.is_ascii_uppercase());
        self.literal
            .extend(format!("\x1b[{bold};{};{}m", code(f, 30), code(b, 40)).bytes());
        self.colored = true;
        self.take(3);
        Ok(())
    }

    fn header(&mut self) -> Result<(), String> {
        let end = self.closing(b'}')?;
        let inner = &self.rest[1..end];
        let (name, index) = match inner.iter().position(|&b| b == b'[') {
            Some(open) => {
                let digits = inner[open + 1..]
                    .strip_suffix(b"]")
                    .ok_or("] is missing in %{…[…]}")?;
                let index = match digits {
                    b"*" => HeaderIndex::All,
                    n => HeaderIndex::At(
                        std::str::from_utf8(n)
                            .ok()
                            .and_then(|n| n.trim().parse().ok())
                            .ok_or("bad index in %{…[…]}")?,
                    ),
                };
                (&inner[..open], index)
            }
            None => (inner, HeaderIndex::At(0)),
        };
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(format!(
                "bad header name in %{{{}}}",
                String::from_utf8_lossy(inner)
            ));
        }
        let name = name.to_vec();
        self.take(end + 1);
        self.push(Piece::Header { name, index });
        Ok(())
    }

    fn avp(&mut self) {
        let word = |b: &&u8| {
            b.is_ascii_alphanumeric() || matches!(**b, b'_' | b'+' | b'-' | b'[' | b']' | b'.')
        };
        let mut length = self.rest[1..].iter().take_while(word).count();
        // A dot or dash that ends the word is text.
        while length > 0 && matches!(self.rest[length], b'.' | b'-') {
            length -= 1;
        }
        let text = &self.rest[1..1 + length];
        // As in SER an index is one only behind a class: without it the brackets belong to the name.
        let bare_index = text.contains(&b'[') && !text.contains(&b'.');
        let piece = match parse_avp_spec(text) {
            Ok(spec) if !bare_index => Piece::Avp(spec),
            Ok(_) | Err(_) => Piece::Null,
        };
        self.take(1 + length);
        self.push(piece);
    }

    fn select(&mut self) -> Result<(), String> {
        let length = select::extent(&self.rest[1..]);
        let text = String::from_utf8_lossy(&self.rest[1..1 + length]).into_owned();
        self.take(1 + length);
        let select = Select::compile(&text)?;
        self.push(Piece::Select(select));
        Ok(())
    }
}
