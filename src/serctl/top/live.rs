//! The live view: draws in the terminal until a key ends it.
//!
//! One thread asks the server, one passes wishes about children on, in the order of the keys; the terminal is drawn
//! and read by the thread that began, which never waits for the server.

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
    /// What became of a wish, in words.
    Told(Wish, String),
}

/// Another number of children of a socket.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wish {
    socket: String,
    number: i64,
}

/// Until the operator ends it.
pub fn run(tool: &Tool, period: Duration) -> Result<(), Failure> {
    // What is wrong is said before the screen is taken.
    let first = Snapshot::take(&mut tool.connect()?)?;
    let (sender, news) = channel();
    let asking = (tool.clone(), sender.clone());
    thread::spawn(move || watch(&asking.0, period, &asking.1));
    let (wishes, wished) = channel();
    let wishing = tool.clone();
    thread::spawn(move || pass_on(&wishing, &wished, &sender));
    let mut terminal = ratatui::try_init()?;
    let ended = View::new(first).show(&mut terminal, &news, &wishes);
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
        news: &Receiver<News>,
        wishes: &Sender<Wish>,
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
                    // Whoever passes them on lives as long as the view.
                    Action::Children { socket, number } => {
                        let _ = wishes.send(Wish { socket, number });
                    }
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
            News::Told(wish, text) => self.state.told(&wish.socket, wish.number, text),
        }
    }
}

/// Asks the server for what was wished, one wish after the other: of two that are under way the first might come
/// last. A wish that a later one for the same socket has overtaken is left out.
fn pass_on(tool: &Tool, wished: &Receiver<Wish>, news: &Sender<News>) {
    while let Ok(first) = wished.recv() {
        let mut open = vec![first];
        for later in wished.try_iter() {
            open.retain(|wish| wish.socket != later.socket);
            open.push(later);
        }
        for wish in open {
            let asked = tool
                .connect()
                .and_then(|mut client| set_children(&mut client, &wish.socket, wish.number));
            let text = asked.unwrap_or_else(|why| why.to_string());
            // The view has ended.
            if news.send(News::Told(wish, text)).is_err() {
                return;
            }
        }
    }
}
