//! The command line.

use crate::pace::Pace;
use lexopt::prelude::*;
use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddrV4;
use std::time::Duration;

/// Text of `--help`.
pub const HELP: &str = "\
usage: loadgen options|register|forward|call|ring --to ADDRESS:PORT [OPTION...]
       loadgen echo  --listen ADDRESS:PORT [--batch N]
       loadgen relay --listen ADDRESS:PORT --between ADDRESS:PORT ADDRESS:PORT [--trying] [--batch N]

call is INVITE, 180, 200, ACK, BYE, 200 of users who are registered at the callee's socket; ring only INVITE, 180: the
calls are left ringing.

  --window N      closed loop: so many requests are under way at any time (64)
  --rate N        instead: so many requests are sent in a second
  --seconds S     length of the run (3)
  --count N       instead: number of requests
  --first N       number of the first request (0); a later run against the same server goes on where the last ended
  --aors N        register, call, ring: number of addresses of record, one after the other (100000)
  --from ADDRESS:PORT    the caller's socket (127.0.0.1, any port)
  --callee ADDRESS:PORT  forward, call, ring: the called socket (127.0.0.1, any port)
  --timeout MS    an answer that has not come by then is lost (1000)
  --batch N       most datagrams that one system call moves (32)
  --floor         the other end is echo or relay: expect the own request back, or an unchanged one
  --trying        relay: send the beginning of each INVITE back as well, as large as a 100
";

/// Loopback, any port.
const ANY: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0);

/// Which requests are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scenario {
    /// OPTIONS that the server answers.
    Options,
    /// REGISTER of one address of record after the other.
    Register,
    /// INVITE that the server passes on to a second socket of ours, which answers.
    Forward,
    /// Calls between two sockets of ours, through the server.
    Call,
    /// Calls that ring and are left so.
    Ring,
}

/// When the run ends.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// After so much time.
    Time(Duration),
    /// After so many requests.
    Count(u64),
}

/// A run of the generator.
#[derive(Clone, Debug)]
pub struct Load {
    /// What is sent.
    pub scenario: Scenario,
    /// The server.
    pub to: SocketAddrV4,
    /// The caller's socket.
    pub from: SocketAddrV4,
    /// The called socket (forward, call, ring).
    pub callee: SocketAddrV4,
    /// When the next request is due.
    pub pace: Pace,
    /// When the run ends.
    pub length: Length,
    /// Number of the first request.
    pub first: u64,
    /// Addresses of record (register, call, ring).
    pub aors: u64,
    /// When an answer is lost.
    pub timeout: Duration,
    /// Most datagrams in a system call.
    pub batch: usize,
    /// The other end is no SIP server.
    pub floor: bool,
}

/// A run of the floor.
#[derive(Clone, Debug)]
pub struct Floor {
    /// The socket.
    pub listen: SocketAddrV4,
    /// What comes from one goes to the other; `None`: back to where it came from.
    pub between: Option<(SocketAddrV4, SocketAddrV4)>,
    /// The beginning of each INVITE goes back, too.
    pub trying: bool,
    /// Most datagrams in a system call.
    pub batch: usize,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Task {
    /// Print [`HELP`].
    Help,
    /// Generate load.
    Load(Load),
    /// Be the floor.
    Floor(Floor),
}

/// Reads the command line; the first word is the program.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, Box<dyn Error>> {
    let mut parser = lexopt::Parser::from_iter(args);
    let mode = match parser.next()? {
        Some(Value(word)) => word.string()?,
        Some(Long("help") | Short('h')) => return Ok(Task::Help),
        Some(other) => return Err(other.unexpected().into()),
        None => return Err("what to do? (--help)".into()),
    };
    match mode.as_str() {
        "options" => load(Scenario::Options, &mut parser),
        "register" => load(Scenario::Register, &mut parser),
        "forward" => load(Scenario::Forward, &mut parser),
        "call" => load(Scenario::Call, &mut parser),
        "ring" => load(Scenario::Ring, &mut parser),
        "echo" | "relay" => floor(mode == "relay", &mut parser),
        _ => Err(format!("unknown mode {mode:?} (--help)").into()),
    }
}

impl Load {
    /// What the options change.
    pub fn new(scenario: Scenario, to: SocketAddrV4) -> Load {
        Load {
            scenario,
            to,
            from: ANY,
            callee: ANY,
            pace: Pace::Window(64),
            length: Length::Time(Duration::from_secs(3)),
            first: 0,
            aors: 100_000,
            timeout: Duration::from_secs(1),
            batch: 32,
            floor: false,
        }
    }
}

fn load(scenario: Scenario, parser: &mut lexopt::Parser) -> Result<Task, Box<dyn Error>> {
    let mut to = None;
    let mut load = Load::new(scenario, ANY);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("to") => to = Some(parser.value()?.parse()?),
            Long("from") => load.from = parser.value()?.parse()?,
            Long("callee") => load.callee = parser.value()?.parse()?,
            Long("window") => load.pace = Pace::Window(at_least_one(parser.value()?.parse()?)?),
            Long("rate") => load.pace = Pace::Rate(at_least_one(parser.value()?.parse()?)?),
            Long("seconds") => {
                load.length = Length::Time(Duration::try_from_secs_f64(parser.value()?.parse()?)?);
            }
            Long("count") => load.length = Length::Count(parser.value()?.parse()?),
            Long("first") => load.first = parser.value()?.parse()?,
            Long("aors") => load.aors = at_least_one(parser.value()?.parse()?)?,
            Long("timeout") => load.timeout = Duration::from_millis(parser.value()?.parse()?),
            Long("batch") => load.batch = batch(parser)?,
            Long("floor") => load.floor = true,
            other => return Err(other.unexpected().into()),
        }
    }
    load.to = to.ok_or("--to is missing")?;
    Ok(Task::Load(load))
}

fn floor(relay: bool, parser: &mut lexopt::Parser) -> Result<Task, Box<dyn Error>> {
    let (mut listen, mut between, mut most, mut trying) = (None, None, 32, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("listen") => listen = Some(parser.value()?.parse()?),
            Long("between") if relay => {
                between = Some((parser.value()?.parse()?, parser.value()?.parse()?));
            }
            Long("trying") if relay => trying = true,
            Long("batch") => most = batch(parser)?,
            other => return Err(other.unexpected().into()),
        }
    }
    if relay && between.is_none() {
        return Err("--between is missing".into());
    }
    Ok(Task::Floor(Floor {
        listen: listen.ok_or("--listen is missing")?,
        between,
        trying,
        batch: most,
    }))
}

fn batch(parser: &mut lexopt::Parser) -> Result<usize, Box<dyn Error>> {
    Ok(usize::try_from(at_least_one(parser.value()?.parse()?)?)?.min(1024))
}

fn at_least_one(number: u64) -> Result<u64, &'static str> {
    if number == 0 {
        return Err("a number must be at least 1");
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Task, Box<dyn Error>> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_load_needs_a_server_and_takes_a_rate() {
        assert!(words("loadgen options").is_err());
        let task = words("loadgen register --to 127.0.0.1:5060 --rate 500 --aors 7").unwrap();
        let Task::Load(load) = task else {
            panic!("not a load: {task:?}");
        };
        assert_eq!(load.scenario, Scenario::Register);
        assert_eq!(load.to.port(), 5060);
        assert_eq!(load.aors, 7);
        assert!(matches!(load.pace, Pace::Rate(500)));
    }

    #[test]
    fn a_relay_needs_both_ends_and_numbers_are_not_zero() {
        assert!(words("loadgen relay --listen 127.0.0.1:5060").is_err());
        assert!(words("loadgen options --to 127.0.0.1:5060 --window 0").is_err());
        let line = "loadgen relay --listen 127.0.0.1:1 --between 127.0.0.1:2 127.0.0.1:3 --trying";
        assert!(matches!(words(line), Ok(Task::Floor(f)) if f.between.is_some() && f.trying));
        assert!(words("loadgen echo --listen 127.0.0.1:1 --trying").is_err());
    }
}
