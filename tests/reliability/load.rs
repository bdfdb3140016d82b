//! A load that counts: OPTIONS, a few at a time, each of which has to be answered once.

use crate::common::PATIENCE;
use crate::common::sip::{header, request};
use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Requests under way at a time: no queue of the kernel overflows.
const WINDOW: usize = 16;

/// A client in a thread.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    thread: JoinHandle<Vec<String>>,
}

impl Load {
    /// Sends to this port of 127.0.0.1 until it is told to end.
    pub fn start(port: u16) -> Load {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (ending, counter) = (stop.clone(), answered.clone());
        let thread = std::thread::spawn(move || run(port, &ending, &counter));
        Load {
            stop,
            answered,
            thread,
        }
    }

    /// How many were answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends it; the Call-IDs of the requests that were not answered.
    pub fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the client does not fail")
    }
}

fn run(port: u16, stop: &AtomicBool, answered: &AtomicU64) -> Vec<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(("127.0.0.1", port)).expect("loopback");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let via = socket.local_addr().expect("bound").to_string();
    let mut open = HashSet::new();
    let mut buffer = vec![0; 65_535];
    loop {
        while open.len() < WINDOW && !stop.load(Ordering::Relaxed) {
            let text = request("OPTIONS", "sip:127.0.0.1", &via, "");
            open.insert(header(&text, "Call-ID").expect("written above").to_owned());
            socket.send(text.as_bytes()).expect("sent");
        }
        if open.is_empty() {
            return Vec::new();
        }
        // Nothing for so long: what is open is lost.
        let Ok(length) = socket.recv(&mut buffer) else {
            return open.into_iter().collect();
        };
        let text = String::from_utf8_lossy(&buffer[..length]);
        let id = header(&text, "Call-ID").expect("a Call-ID in the reply");
        assert!(open.remove(id), "answered twice: {text}");
        answered.fetch_add(1, Ordering::Relaxed);
        // The server gets time to wait in the kernel between two messages, too.
        if open.is_empty() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}
