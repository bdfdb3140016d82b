//! The live view: draws in the terminal until a key ends it.
//!
//! One thread asks the server, one for each wish about children; the terminal is drawn and read by the thread that
//! began, which never waits for the server.

use super::draw::draw;
use super::picture::Picture;
use super::snapshot::{Snapshot, set_children};
use super::state::{Action, State};
use crate::{Failure, Tool};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use ratatui::text::Line;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Between two looks whether there is something to draw.
const TICK: Duration = Duration::from_millis(100);

/// What the threads report.
enum News {
    /// The server as it is now.
    Look(Box<Snapshot>),
    /// The server does not answer.
    Lost(String),
    /// What became of a wish.
    Told(String),
}

/// Until the operator ends it.
pub fn run(tool: &Tool, period: Duration) -> Result<(), Failure> {
    // What is wrong is said before the screen is taken.
    let first = Snapshot::take(&mut tool.connect()?)?;
    let (sender, news) = channel();
    let asking = (tool.clone(), sender.clone());
    thread::spawn(move || watch(&asking.0, period, &asking.1));
    let mut terminal = ratatui::try_init()?;
    let ended = View::new(first).show(&mut terminal, tool, &news, &sender);
    ratatui::try_restore()?;
    ended
}

/// Looks at the server again and again; connects again when it went away.
fn watch(tool: &Tool, period: Duration, news: &Sender<News>) {
    loop {
        let lost = match tool.connect() {
            Ok(mut client) => loop {
                thread::sleep(period);
                let look = match Snapshot::take(&mut client) {
                    Ok(snapshot) => News::Look(Box::new(snapshot)),
                    Err(why) => break why,
                };
                if news.send(look).is_err() {
                    return;
                }
            },
            Err(why) => why,
        };
        if news.send(News::Lost(lost.to_string())).is_err() {
            return;
        }
        thread::sleep(period);
    }
}

struct View {
    state: State,
    last: Snapshot,
    picture: Option<Picture>,
    /// The message is that the server does not answer.
    lost: bool,
}

impl View {
    fn new(first: Snapshot) -> View {
        View {
            state: State::default(),
            last: first,
            picture: None,
            lost: false,
        }
    }

    fn show(
        &mut self,
        terminal: &mut DefaultTerminal,
        tool: &Tool,
        news: &Receiver<News>,
        sender: &Sender<News>,
    ) -> Result<(), Failure> {
        loop {
            terminal.draw(|frame| match &self.picture {
                Some(picture) => draw(frame, picture, &self.state),
                None => frame.render_widget(Line::raw("looking at the server ..."), frame.area()),
            })?;
            if event::poll(TICK)?
                && let Event::Key(key) = event::read()?
            {
                match self.state.key(key, self.picture.as_ref()) {
                    Action::None => {}
                    Action::Quit => return Ok(()),
                    Action::Children { socket, number } => wish(tool, sender, socket, number),
                }
            }
            while let Ok(one) = news.try_recv() {
                self.take(one);
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Look(now) => {
                if std::mem::take(&mut self.lost) {
                    self.state.message = None;
                }
                self.picture = Some(Picture::of(&self.last, &now));
                self.last = *now;
            }
            News::Lost(why) => {
                self.lost = true;
                self.state.message = Some(why);
            }
            News::Told(text) => self.state.told(text),
        }
    }
}

/// Asks for another number of children; the answer comes when it is so.
fn wish(tool: &Tool, sender: &Sender<News>, socket: String, number: i64) {
    let (tool, sender) = (tool.clone(), sender.clone());
    thread::spawn(move || {
        let asked = tool
            .connect()
            .and_then(|mut client| set_children(&mut client, &socket, number));
        let text = asked.unwrap_or_else(|why| why.to_string());
        // The view may have ended meanwhile.
        let _ = sender.send(News::Told(text));
    });
}
