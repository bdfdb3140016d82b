//! What the operator has chosen, and what keys do. Knows nothing of the terminal.

use super::picture::{Picture, Sort};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The keys, for the last line.
pub const KEYS: &str = "q quit  sort: b busy m msg/s p p99 l blocked d died s slot  \
                        arrows +/- children  PgUp/Dn";

/// Choices.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// What the processes are sorted by.
    pub sort: Sort,
    /// Which socket `+` and `-` mean.
    pub socket: usize,
    /// The first process that is shown.
    pub first: usize,
    /// For the last line, instead of the keys.
    pub message: Option<String>,
    /// The last number of children that was asked for, until it is so.
    pub wanted: Option<(String, i64)>,
}

/// What a key asks the rest of the program for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing.
    None,
    /// The end.
    Quit,
    /// Another number of children of a socket.
    Children {
        /// Its name.
        socket: String,
        /// How many there shall be.
        number: i64,
    },
}

impl State {
    /// A key was pressed while `picture` was shown.
    pub fn key(&mut self, key: KeyEvent, picture: Option<&Picture>) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::None;
        }
        self.message = None;
        let (processes, sockets) = picture.map_or((0, 0), |p| (p.rows.len(), p.sockets.len()));
        let page = 10;
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Action::Quit,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Action::Quit;
            }
            KeyCode::Char('b') => self.sort = Sort::Busy,
            KeyCode::Char('m') => self.sort = Sort::Rate,
            KeyCode::Char('p') => self.sort = Sort::P99,
            KeyCode::Char('l') => self.sort = Sort::Blocked,
            KeyCode::Char('d') => self.sort = Sort::Restarts,
            KeyCode::Char('s') => self.sort = Sort::Slot,
            KeyCode::Up => self.socket = self.socket.saturating_sub(1),
            KeyCode::Down => self.socket = (self.socket + 1).min(sockets.saturating_sub(1)),
            KeyCode::PageUp => self.first = self.first.saturating_sub(page),
            KeyCode::PageDown => self.first = (self.first + page).min(processes.saturating_sub(1)),
            KeyCode::Home => self.first = 0,
            KeyCode::Char('+' | '=') => return self.change(1, picture),
            KeyCode::Char('-') => return self.change(-1, picture),
            _ => {}
        }
        Action::None
    }

    /// One child more or less on the chosen socket. Keys may come faster than children.
    fn change(&mut self, by: i64, picture: Option<&Picture>) -> Action {
        let Some(row) = picture.and_then(|p| p.sockets.get(self.socket)) else {
            return Action::None;
        };
        let asked = self.wanted.as_ref().filter(|(name, _)| *name == row.name);
        let Some(present) = asked.map(|(_, n)| *n).or(row.children) else {
            let text = "this server cannot change the number of children while it runs";
            self.message = Some(text.into());
            return Action::None;
        };
        let number = present + by;
        if number < 1 {
            self.message = Some("a socket keeps one child at least".into());
            return Action::None;
        }
        self.wanted = Some((row.name.clone(), number));
        self.message = Some(format!("{}: {number} children wanted", row.name));
        Action::Children {
            socket: row.name.clone(),
            number,
        }
    }

    /// What became of a wish, in words.
    pub fn told(&mut self, socket: &str, number: i64, text: String) {
        // Another may have been asked for since.
        let is_it = |(name, n): &mut (String, i64)| name == socket && *n == number;
        self.wanted.take_if(is_it);
        self.message = Some(text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::SocketRow;
    use super::*;

    fn picture(children: Option<i64>) -> Picture {
        let socket = |name: &str| SocketRow {
            name: name.into(),
            children,
            queue: 0,
            limit: 1,
            drops: 0,
            drop_rate: 0.0,
        };
        Picture {
            title: String::new(),
            totals: Vec::new(),
            rows: Vec::new(),
            sockets: vec![socket("udp:a:1"), socket("udp:b:2")],
            memory: Vec::new(),
        }
    }

    fn press(state: &mut State, code: KeyCode, picture: &Picture) -> Action {
        state.key(KeyEvent::new(code, KeyModifiers::NONE), Some(picture))
    }

    #[test]
    fn the_chosen_socket_gets_a_child_for_each_key() {
        let (mut state, picture) = (State::default(), picture(Some(4)));
        press(&mut state, KeyCode::Down, &picture);
        press(&mut state, KeyCode::Down, &picture);
        let wanted = |number| Action::Children {
            socket: "udp:b:2".into(),
            number,
        };
        assert_eq!(press(&mut state, KeyCode::Char('+'), &picture), wanted(5));
        assert_eq!(press(&mut state, KeyCode::Char('+'), &picture), wanted(6));
        assert_eq!(press(&mut state, KeyCode::Char('-'), &picture), wanted(5));
        // What was overtaken ends nothing.
        state.told("udp:b:2", 6, "udp:b:2 has 6 children".into());
        assert_eq!(press(&mut state, KeyCode::Char('-'), &picture), wanted(4));
        state.told("udp:b:2", 4, "udp:b:2 has 4 children".into());
        assert_eq!(press(&mut state, KeyCode::Char('-'), &picture), wanted(3));
    }

    #[test]
    fn the_last_child_stays_and_a_server_that_cannot_says_so() {
        let mut state = State::default();
        assert_eq!(
            press(&mut state, KeyCode::Char('-'), &picture(Some(1))),
            Action::None
        );
        assert_eq!(
            state.message.as_deref(),
            Some("a socket keeps one child at least")
        );
        assert_eq!(
            press(&mut state, KeyCode::Char('+'), &picture(None)),
            Action::None
        );
        assert!(state.message.unwrap().contains("cannot change"));
    }

    #[test]
    fn letters_sort_and_end() {
        let (mut state, picture) = (State::default(), picture(None));
        press(&mut state, KeyCode::Char('p'), &picture);
        assert_eq!(state.sort, Sort::P99);
        assert_eq!(
            press(&mut state, KeyCode::Char('q'), &picture),
            Action::Quit
        );
        assert_eq!(press(&mut state, KeyCode::Esc, &picture), Action::Quit);
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.key(control, None), Action::Quit);
    }
}
