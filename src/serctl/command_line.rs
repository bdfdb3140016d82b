//! `serctl [-s ADDRESS] VERB ARGS…`: the options stand before the verb; what follows it is its own.

use crate::variables::Variables;
use crate::{Address, Failure, Tool, verbs};
use lexopt::Arg;
use std::ffi::OsString;
use std::io::Write;

/// Runs what the words after the program's name ask for.
pub fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut server = None;
    let mut parser = lexopt::Parser::from_args(args);
    let mut words: Vec<String> = Vec::new();
    while let Some(arg) = parser.next().map_err(wrong)? {
        match arg {
            Arg::Short('s') | Arg::Long("socket") => {
                let address = text(parser.value().map_err(wrong)?)?;
                server = Some(Address::parse(&address)?);
            }
            Arg::Short('h') | Arg::Long("help") => words.push("help".into()),
            Arg::Short('V') | Arg::Long("version") => words.push("version".into()),
            Arg::Value(verb) => {
                words.push(text(verb)?);
                for word in parser.raw_args().map_err(wrong)? {
                    words.push(text(word)?);
                }
            }
            other => return Err(wrong(other.unexpected())),
        }
    }
    let variables = Variables::read()?;
    let tool = Tool { server, variables };
    verbs::run(&tool, &words, out)
}

fn text(word: OsString) -> Result<String, Failure> {
    word.into_string()
        .map_err(|word| Failure::Usage(format!("{word:?} is no text")))
}

fn wrong(why: lexopt::Error) -> Failure {
    Failure::Usage(format!("{why}\n{}", verbs::HINT))
}
