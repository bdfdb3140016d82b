//! `serctl top`: what each process does, live.
//!
//! | file | what |
//! |---|---|
//! | `snapshot`, `times` | what the server tells at one moment, over RPC |
//! | `picture` | what happened between two moments |
//! | `draw` | how that looks |
//! | `state` | what the operator has chosen, and what keys do |
//! | `live` | the terminal, and the threads that ask the server |

mod draw;
mod live;
mod picture;
mod snapshot;
mod state;
mod times;

use crate::monitor::watch_period;
use crate::verbs::wrong_use;
use crate::{Failure, Tool};
use picture::Picture;
pub use picture::duration;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use snapshot::Snapshot;
use state::State;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Width of a picture that is not drawn in a terminal.
const WIDTH: u16 = 120;

struct Options {
    once: bool,
    period: Duration,
    width: u16,
}

/// Draws again and again, or once as plain text.
pub fn run(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let options = options(tool, args)?;
    if options.once {
        return once(tool, &options, out);
    }
    if !std::io::stdout().is_terminal() {
        let text = "top draws in a terminal; --once writes one picture to anything else";
        return Err(Failure::other(text));
    }
    live::run(tool, options.period)
}

fn options(tool: &Tool, args: &[String]) -> Result<Options, Failure> {
    let mut options = Options {
        once: false,
        period: watch_period(tool)?,
        width: WIDTH,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--once" => options.once = true,
            "--seconds" => {
                let seconds = args.next().and_then(|text| text.parse().ok());
                let seconds = seconds.filter(|s| *s > 0.0);
                let period = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
                options.period = period.ok_or_else(|| wrong_use("top"))?;
            }
            "--width" => {
                let width = args.next().and_then(|text| text.parse().ok());
                let width = width.filter(|w| (40..=1000).contains(w));
                options.width = width.ok_or_else(|| wrong_use("top"))?;
            }
            _ => return Err(wrong_use("top")),
        }
    }
    Ok(options)
}

/// What happens in one period, without colors.
fn once(tool: &Tool, options: &Options, out: &mut dyn Write) -> Result<(), Failure> {
    let mut client = tool.connect()?;
    let before = Snapshot::take(&mut client)?;
    std::thread::sleep(options.period);
    let picture = Picture::of(&before, &Snapshot::take(&mut client)?);
    let state = State {
        // Nobody can press a key.
        message: Some(String::new()),
        ..State::default()
    };
    let height = draw::height(&picture, options.width);
    let backend = TestBackend::new(options.width, height);
    let mut terminal = Terminal::new(backend).map_err(|why| Failure::other(why.to_string()))?;
    let drawn = terminal.draw(|frame| draw::draw(frame, &picture, &state));
    drawn.map_err(|why| Failure::other(why.to_string()))?;
    Ok(out.write_all(plain(terminal.backend().buffer()).as_bytes())?)
}

/// The lines without what is behind the last letter, and without empty ones at the end.
fn plain(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|cells| {
        let line: String = cells.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned()
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    format!("{}\n", text.trim_end())
}
