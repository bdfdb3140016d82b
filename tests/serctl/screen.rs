//! A terminal for programs that draw: a pseudo terminal, and the letters that stand on its screen.

use crate::common::wait_until;
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

/// Its size.
const ROWS: usize = 40;
const COLUMNS: usize = 130;

/// A program in a terminal. It is killed with the test.
pub struct Screen {
    child: Child,
    keyboard: File,
    drawn: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    /// Starts it.
    pub fn start(mut command: Command) -> Screen {
        let size = Winsize {
            ws_row: ROWS as u16,
            ws_col: COLUMNS as u16,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).expect("a pseudo terminal");
        let slave = File::from(pty.slave);
        command
            .env("TERM", "xterm")
            .stdin(slave.try_clone().expect("a descriptor"))
            .stdout(slave)
            .stderr(Stdio::piped());
        let child = command.spawn().expect("it starts");
        drop(command);
        let keyboard = File::from(pty.master);
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (keyboard.try_clone().expect("a descriptor"), drawn.clone());
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // An error: the program has closed its side.
            while let Ok(n @ 1..) = reader.read(&mut piece) {
                sink.lock().expect("not poisoned").extend(&piece[..n]);
            }
        });
        Screen {
            child,
            keyboard,
            drawn,
        }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("it reads");
    }

    /// The lines of the screen.
    pub fn lines(&self) -> Vec<String> {
        interpret(&self.drawn.lock().expect("not poisoned"))
    }

    /// Waits until a line of the screen is as wanted.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        wait_until(what, || self.lines().iter().any(|line| wanted(line)));
    }

    /// Waits for its end; how it ended, and whether it has left the screen as it was.
    pub fn end(&mut self) -> (ExitStatus, bool) {
        let mut status = None;
        wait_until("the program ends", || {
            status = self.child.try_wait().expect("its state");
            status.is_some()
        });
        let left = b"\x1b[?1049l";
        let restored = || {
            let drawn = self.drawn.lock().expect("not poisoned");
            drawn.windows(left.len()).any(|bytes| bytes == left)
        };
        wait_until("the screen is restored", restored);
        (status.expect("just seen"), restored())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts letters where the cursor is told to be; colors and modes are passed over.
fn interpret(drawn: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(drawn);
    let mut screen = vec![vec![' '; COLUMNS]; ROWS];
    let (mut row, mut column) = (0, 0);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' if letters.next() == Some('[') => {
                let mut numbers = String::new();
                let end = letters.by_ref().find(|c| {
                    let is_end = c.is_ascii_alphabetic();
                    if !is_end {
                        numbers.push(*c);
                    }
                    is_end
                });
                match end {
                    Some('H') => {
                        let mut places = numbers.split(';').map(|n| n.parse().unwrap_or(1_usize));
                        row = places.next().unwrap_or(1).saturating_sub(1);
                        column = places.next().unwrap_or(1).saturating_sub(1);
                    }
                    Some('J') => screen.iter_mut().for_each(|line| line.fill(' ')),
                    _ => {}
                }
            }
            '\x1b' => {}
            letter => {
                if let Some(cell) = screen.get_mut(row).and_then(|line| line.get_mut(column)) {
                    *cell = letter;
                }
                column += 1;
            }
        }
    }
    screen.iter().map(|line| line.iter().collect()).collect()
}
