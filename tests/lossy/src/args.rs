//! The command line.

use crate::dice::Odds;
use lexopt::prelude::*;
use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

/// Text of `--help`.
pub const HELP: &str = "\
usage: lossy --link ADDRESS:PORT=ADDRESS:PORT [--link ...] [OPTION...]

  --link L=T       what comes to L goes to T, from a port of its own for each sender; answers go the other way.
                   Port 0: any; the first line of output says which
  --drop P         percent of the datagrams that vanish (0)
  --duplicate P    percent of the others that arrive twice (0)
  --reorder P      percent of the others that are held back, so that later ones overtake them (0)
  --hold MS        longest time that a copy or a reordered datagram is held back (20)
  --seed N         seed of the random numbers (1)
  --seconds S      it ends after so long (60), or when it gets TERM or INT
";

/// A link to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// Where clients send to.
    pub listen: SocketAddr,
    /// Where it goes.
    pub target: SocketAddr,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// At least one.
    pub links: Vec<Ends>,
    /// How bad the network is, in each direction.
    pub odds: Odds,
    /// Of the random numbers.
    pub seed: u64,
    /// Length of the run.
    pub time: Duration,
}

/// Reads the command line; the first word is the program. `None`: help is asked for.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Plan>, Box<dyn Error>> {
    let mut parser = lexopt::Parser::from_iter(args);
    let mut plan = Plan {
        links: Vec::new(),
        odds: Odds {
            hold: Duration::from_millis(20),
            ..Odds::default()
        },
        seed: 1,
        time: Duration::from_secs(60),
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("link") => plan.links.push(link(&parser.value()?.string()?)?),
            Long("drop") => plan.odds.drop = share(parser.value()?.parse()?)?,
            Long("duplicate") => plan.odds.duplicate = share(parser.value()?.parse()?)?,
            Long("reorder") => plan.odds.reorder = share(parser.value()?.parse()?)?,
            Long("hold") => plan.odds.hold = Duration::from_millis(parser.value()?.parse()?),
            Long("seed") => plan.seed = parser.value()?.parse()?,
            Long("seconds") => plan.time = Duration::try_from_secs_f64(parser.value()?.parse()?)?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    if plan.links.is_empty() {
        return Err("--link is missing (--help)".into());
    }
    Ok(Some(plan))
}

fn link(text: &str) -> Result<Ends, Box<dyn Error>> {
    let (listen, target) = text
        .split_once('=')
        .ok_or("a link is ADDRESS:PORT=ADDRESS:PORT")?;
    Ok(Ends {
        listen: listen.parse()?,
        target: target.parse()?,
    })
}

/// Percent to 0..=1.
fn share(percent: f64) -> Result<f64, &'static str> {
    if (0.0..=100.0).contains(&percent) {
        Ok(percent / 100.0)
    } else {
        Err("a percentage lies between 0 and 100")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Option<Plan>, Box<dyn Error>> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn links_and_percentages_are_read() {
        let line = "lossy --link 127.0.0.1:0=127.0.0.1:5060 --link [::1]:7=[::1]:8 --drop 5 --hold 40 --seconds 0.5";
        let plan = words(line).unwrap().unwrap();
        assert_eq!(plan.links.len(), 2);
        assert_eq!(plan.links[0].target.port(), 5060);
        assert_eq!((plan.odds.drop, plan.odds.duplicate), (0.05, 0.0));
        assert_eq!(plan.odds.hold.as_millis(), 40);
        assert_eq!(plan.time.as_millis(), 500);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "lossy",
            "lossy --link 127.0.0.1:1",
            "lossy --link 127.0.0.1:1=127.0.0.1:2 --drop 101",
            "lossy --link 127.0.0.1:1=127.0.0.1:2 --drop -1",
            "lossy --link 127.0.0.1:1=127.0.0.1:2 --seconds -1",
            "lossy --link 127.0.0.1:1=host:2",
        ] {
            assert!(words(line).is_err(), "{line}");
        }
        assert!(words("lossy --help").unwrap().is_none());
    }
}
