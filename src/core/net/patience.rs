//! Writing to those who may be slow, or gone.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Writes all of `bytes` to something that does not block, as long as it takes some within `patience` each time,
/// and all of it until `end`.
pub fn write_patiently(
    mut to: impl Write + AsFd,
    mut bytes: &[u8],
    patience: Duration,
    end: Instant,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                let left = end.saturating_duration_since(Instant::now());
                if !takes_more(&to, patience.min(left))? {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Whether nobody is at the other end of a connection or pipe any more. With `or_silent` one who has only said that it
/// sends no more counts as gone: TCP does not tell the two apart.
pub fn has_gone(end: impl AsFd, or_silent: bool) -> bool {
    let wanted = match or_silent {
        true => PollFlags::RDHUP,
        false => PollFlags::empty(),
    };
    let mut fds = [PollFd::new(&end, wanted)];
    let looked = poll(&mut fds, Some(&Timespec::default()));
    let signs = PollFlags::HUP | PollFlags::ERR | wanted;
    looked.is_ok() && fds[0].revents().intersects(signs)
}

/// Waits until something can be written; false: not within `limit`.
fn takes_more(to: impl AsFd, limit: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(&to, PollFlags::OUT)];
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    Ok(poll(&mut fds, Some(&limit))? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_reader_that_takes_a_little_at_a_time_is_given_up_at_the_end() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            let mut taken = 0;
            while let Ok(n @ 1..) = theirs.read(&mut buffer) {
                taken += n;
                std::thread::sleep(Duration::from_millis(10));
            }
            taken
        });
        let (patience, limit) = (Duration::from_secs(60), Duration::from_millis(200));
        let all = vec![0; 1 << 28];
        let written = write_patiently(&ours, &all, patience, Instant::now() + limit);
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(ours);
        let taken = reader.join().unwrap();
        assert!(taken > 0 && taken < all.len(), "{taken}");
    }

    #[test]
    fn who_has_gone_is_told_from_who_only_sends_no_more() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert!(!has_gone(&ours, true));
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(!has_gone(&ours, false) && has_gone(&ours, true));
        drop(theirs);
        assert!(has_gone(&ours, false));
    }
}
