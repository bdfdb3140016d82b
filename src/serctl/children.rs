//! `serctl children`: how many children each socket should have, by what it does now (docs/tuning-children.md).

mod json;
mod report;
mod watch;

use crate::live;
use crate::verbs::wrong_use;
use crate::{Failure, Tool};
use ser::core::stats::queueing::{Advice, Demand, Interval, Limits, Prediction, advise, predict};
use std::io::Write;
use std::time::Duration;
use watch::Watched;

/// Numbers around the present one that are shown.
const FEWER: usize = 2;
const MORE: usize = 4;

/// What the command line asks for.
#[derive(Clone, Debug)]
struct Options {
    seconds: Duration,
    /// Messages a second to plan for, instead of those that arrive.
    rate: Option<f64>,
    limits: Limits,
    json: bool,
}

/// What is known and advised of one socket.
#[derive(Clone, Debug)]
struct Finding {
    watched: Watched,
    interval: Interval,
    /// `None`: there were no messages.
    outlook: Option<Outlook>,
}

/// What is to come.
#[derive(Clone, Debug)]
struct Outlook {
    demand: Demand,
    advice: Advice,
    /// For the numbers around the present one, the present one and the advised one, ascending.
    table: Vec<Prediction>,
}

impl Outlook {
    fn of(demand: &Demand, present: usize, options: &Options) -> Outlook {
        let mut demand = demand.clone();
        demand.rate = options.rate.unwrap_or(demand.rate);
        let advice = advise(&demand, present, &options.limits);
        let mut numbers: Vec<usize> =
            (present.saturating_sub(FEWER).max(1)..=present + MORE).collect();
        numbers.push(advice.children);
        numbers.sort_unstable();
        numbers.dedup();
        let table = numbers.iter().map(|&n| predict(&demand, n)).collect();
        Outlook {
            demand,
            advice,
            table,
        }
    }

    /// What is expected with so many children.
    fn with(&self, children: usize) -> Option<&Prediction> {
        self.table.iter().find(|met| met.children == children)
    }
}

/// Watches the server for a while, then shows for each socket what is expected with more and fewer children.
pub fn run(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    // A socket and a number, not an option.
    if args.first().is_some_and(|word| !word.starts_with("--")) {
        return live::set_children(tool, args, out);
    }
    let options = options(args)?;
    let mut client = tool.connect()?;
    let watched = watch::watch(&mut client, options.seconds)?;
    let findings: Vec<Finding> = watched.into_iter().map(|w| finding(w, &options)).collect();
    match options.json {
        true => json::write(&findings, out),
        false => report::write(&findings, &options, out),
    }
}

fn finding(watched: Watched, options: &Options) -> Finding {
    let interval = Interval::between(&watched.before, &watched.after);
    let present = watched.after.children;
    let demand = interval.demand.as_ref();
    let outlook = demand.map(|demand| Outlook::of(demand, present, options));
    Finding {
        watched,
        interval,
        outlook,
    }
}

fn options(args: &[String]) -> Result<Options, Failure> {
    let mut options = Options {
        seconds: Duration::from_secs(5),
        rate: None,
        limits: Limits::default(),
        json: false,
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut number = || positive(word, words.next());
        match word.as_str() {
            "--seconds" => {
                let long = Duration::try_from_secs_f64(number()?);
                options.seconds = long.map_err(|_| wrong_use("children"))?;
            }
            "--target-ms" => options.limits.wait_p99 = number()? / 1000.0,
            "--rate" => options.rate = Some(number()?),
            "--json" => options.json = true,
            _ => return Err(wrong_use("children")),
        }
    }
    Ok(options)
}

fn positive(option: &str, value: Option<&String>) -> Result<f64, Failure> {
    let number = value.and_then(|word| word.parse::<f64>().ok());
    let number = number.filter(|n| *n > 0.0 && n.is_finite());
    number.ok_or_else(|| Failure::Usage(format!("{option} needs a number above 0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        options(&words)
    }

    #[test]
    fn options_have_defaults_and_take_numbers() {
        let plain = read("").unwrap();
        assert_eq!((plain.seconds, plain.rate), (Duration::from_secs(5), None));
        let all = read("--seconds 0.5 --target-ms 20 --rate 300 --json").unwrap();
        assert_eq!(
            (all.seconds, all.rate),
            (Duration::from_millis(500), Some(300.0))
        );
        assert!(all.json && (all.limits.wait_p99 - 0.020).abs() < 1e-12);
    }

    #[test]
    fn wrong_options_are_refused() {
        for line in [
            "5",
            "--seconds",
            "--seconds x",
            "--rate 0",
            "--rate -1",
            "--target-ms nan",
            "--seconds 1e300",
        ] {
            assert!(matches!(read(line), Err(Failure::Usage(_))), "{line}");
        }
    }
}
