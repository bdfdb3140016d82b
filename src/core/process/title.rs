//! The title that `ps` shows: the command line as it was typed, and behind it what the process is:
//! `/usr/local/sbin/ser -f /etc/ser/ser.cfg [receiver child=0 sock=127.0.0.1:5060]`.
//!
//! The kernel reads a command line from the process's own stack, where the arguments stand and
//! right behind them the environment. Once the last byte of the arguments is not zero it takes the
//! whole as one text that may run on into the environment (setproctitle(3)'s convention). So the
//! environment moves to the heap first, and its old place becomes room for the title.
//!
//! Invariant: what is written lies inside `arguments .. end of environment` as the kernel told them,
//! and nothing else refers to that room once [`prepare`] has run.

#![allow(unsafe_code)]

use std::sync::OnceLock;

/// The kernel hands out one page of a changed title at most.
const LONGEST: usize = 4095;

struct Room {
    start: usize,
    end: usize,
    /// The command line, its words separated by blanks.
    typed: Vec<u8>,
}

static ROOM: OnceLock<Option<Room>> = OnceLock::new();

/// Makes room for titles. To be called first thing in `main`, before there is a second thread and
/// before anybody keeps a pointer into the environment.
pub fn prepare() {
    ROOM.get_or_init(find_room);
}

fn find_room() -> Option<Room> {
    let [arg_start, arg_end, env_start, env_end] = addresses()?;
    if arg_start == 0 || arg_end <= arg_start || env_start != arg_end || env_end < env_start {
        return None;
    }
    let typed = std::fs::read("/proc/self/cmdline").ok()?;
    let typed = typed.strip_suffix(b"\0").unwrap_or(&typed);
    let typed = typed.iter().map(|&b| if b == 0 { b' ' } else { b });
    let typed = typed.collect();
    move_environment();
    Some(Room {
        start: arg_start,
        end: env_end,
        typed,
    })
}

/// arg_start, arg_end, env_start and env_end: fields 48 to 51 of proc_pid_stat(5).
fn addresses() -> Option<[usize; 4]> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses is field 2 and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(48 - 3).map(|f| f.trim().parse().ok());
    Some([
        fields.next()??,
        fields.next()??,
        fields.next()??,
        fields.next()??,
    ])
}

/// libc copies a variable to the heap when it is set.
fn move_environment() {
    for (name, value) in std::env::vars_os() {
        // SAFETY: `prepare` runs first thing in `main`: there is no other thread that could read
        // the environment, and nobody holds a pointer into it.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Shows `what` behind the command line, as long as there is room. The short name stays `ser`:
/// `pidof ser`, `killall ser` and `pgrep -x ser` go by it.
pub fn set(what: &str) {
    if let Some(Some(room)) = ROOM.get() {
        write(room, &compose(&room.typed, what));
    }
}

fn compose(typed: &[u8], what: &str) -> Vec<u8> {
    let mut title = typed.to_vec();
    title.extend_from_slice(b" [");
    title.extend_from_slice(what.as_bytes());
    title.push(b']');
    title
}

/// Copies the title into the room, cut to fit, and fills the rest with zeros.
fn write(room: &Room, title: &[u8]) {
    let length = room.end - room.start;
    let shown = title.len().min(length - 1).min(LONGEST);
    let place = std::ptr::with_exposed_provenance_mut::<u8>(room.start);
    // SAFETY: start..end is the stack's area of argument and environment strings of this process
    // (checked in `find_room`), mapped and writable for its whole life. The environment lives on the
    // heap since `prepare`; the arguments are read nowhere after it (they were collected before).
    unsafe {
        std::ptr::copy_nonoverlapping(title.as_ptr(), place, shown);
        std::ptr::write_bytes(place.add(shown), 0, length - shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_follows_the_command_line_in_brackets() {
        let title = compose(b"/opt/ser -f /etc/pcscf.cfg -D", "slow timer");
        assert_eq!(title, b"/opt/ser -f /etc/pcscf.cfg -D [slow timer]");
    }

    #[test]
    fn the_kernel_tells_where_arguments_and_environment_are() {
        let [arg_start, arg_end, env_start, env_end] = addresses().expect("proc is mounted");
        assert!(arg_start < arg_end && env_start <= env_end);
    }
}
