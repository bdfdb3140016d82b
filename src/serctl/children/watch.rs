//! Looks at the server twice, with some time between.

use crate::client::Client;
use crate::{Failure, Value};
use ser::core::stats::queueing::{Machine, Sample};
use std::time::{Duration, Instant};

/// What a socket's receivers had counted at the beginning and at the end.
#[derive(Clone, Debug)]
pub struct Watched {
    /// As `udp:127.0.0.1:5060`.
    pub socket: String,
    pub before: Sample,
    pub after: Sample,
    /// Bytes of memory that a receiver has for itself; `None`: not known.
    pub memory: Option<u64>,
}

/// What was seen at one moment.
struct Look {
    at: Instant,
    receivers: Vec<Value>,
    sockets: Vec<Value>,
    /// Empty where overload control is off.
    overload: Vec<Value>,
    machine: Machine,
}

/// Watches all sockets for so long.
pub fn watch(client: &mut Client, time: Duration) -> Result<Vec<Watched>, Failure> {
    let before = look(client)?;
    std::thread::sleep(time);
    let after = look(client)?;
    if pids(&before)? != pids(&after)? {
        let text = "the receivers were not the same all the time; try again when all are up";
        return Err(Failure::other(text));
    }
    let mut names: Vec<&str> = Vec::new();
    for receiver in &after.receivers {
        let name = receiver.str("socket")?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(Failure::other("the server has no receivers (fork=no)"));
    }
    names
        .into_iter()
        .map(|name| watched(name, &before, &after))
        .collect()
}

fn watched(name: &str, before: &Look, after: &Look) -> Result<Watched, Failure> {
    let since = before.at;
    let memory = receivers(after, name).filter_map(|r| r.get("memory")?.as_int());
    let (count, sum) = memory.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    Ok(Watched {
        socket: name.to_owned(),
        before: sample(name, before, since)?,
        after: sample(name, after, since)?,
        memory: (count > 0).then(|| (sum / count).unsigned_abs()),
    })
}

fn look(client: &mut Client) -> Result<Look, Failure> {
    let receivers = client.call("core.receivers", &[])?;
    let at = Instant::now();
    let sockets = client.call("core.sockets", &[])?;
    let overload = match client.call("core.overload", &[]) {
        Err(Failure::Fault { .. }) => Vec::new(),
        reply => reply?,
    };
    let machine = client.call("core.machine", &[])?;
    let machine = machine
        .first()
        .ok_or_else(|| Failure::other("core.machine said nothing"))?;
    Ok(Look {
        at,
        receivers,
        sockets,
        overload,
        machine: Machine {
            cores: machine.int("cores")?.max(1) as usize,
            busy: seconds(machine, "busy_us")?,
            stolen: seconds(machine, "stolen_us")?,
        },
    })
}

fn pids(look: &Look) -> Result<Vec<i64>, Failure> {
    look.receivers
        .iter()
        .map(|receiver| receiver.int("pid"))
        .collect()
}

fn receivers<'l>(look: &'l Look, socket: &str) -> impl Iterator<Item = &'l Value> {
    let is_of = move |receiver: &&Value| receiver.str("socket") == Ok(socket);
    look.receivers.iter().filter(is_of)
}

fn seconds(value: &Value, name: &str) -> Result<f64, Failure> {
    Ok(value.int(name)? as f64 / 1e6)
}

/// What the receivers of a socket add up to.
fn sample(name: &str, look: &Look, since: Instant) -> Result<Sample, Failure> {
    let socket = socket(name, look)?;
    let overload = overload(socket, look);
    let refused = |kind| overload.and_then(|o| o.get(kind)?.as_int()).unwrap_or(0);
    let delay = overload.and_then(|o| o.get("delay_limit_ms")?.as_f64());
    let mut sample = Sample {
        at: (look.at - since).as_secs_f64(),
        cpu: Some(0.0),
        dropped: socket.int("drops")?.unsigned_abs(),
        refused: (refused("refused") + refused("dropped")).unsigned_abs(),
        refused_after: delay.filter(|ms| *ms > 0.0).map(|ms| ms / 1000.0),
        queued: socket.int("queue_bytes")?.unsigned_abs(),
        queue_limit: socket.int("queue_limit")?.unsigned_abs(),
        machine: look.machine,
        ..Sample::default()
    };
    for receiver in receivers(look, name) {
        sample.children += 1;
        sample.packets += receiver.int("packets")?.unsigned_abs();
        sample.bytes += receiver.int("bytes")?.unsigned_abs();
        sample.busy += seconds(receiver, "busy_us")?;
        sample.blocked += seconds(receiver, "blocked_us")?;
        sample.cpu = sample
            .cpu
            .zip(seconds(receiver, "cpu_us").ok())
            .map(|(sum, cpu)| sum + cpu);
        sample.exec_cpu += seconds(receiver, "exec_cpu_us").unwrap_or(0.0);
        add_times(&mut sample, receiver.str("service_times")?)?;
    }
    Ok(sample)
}

fn socket<'l>(name: &str, look: &'l Look) -> Result<&'l Value, Failure> {
    let is_it = |socket: &&Value| {
        let [proto, address, port] = ["proto", "address", "port"].map(|m| socket.get(m));
        let text = [proto, address, port].map(|m| m.map(Value::to_string).unwrap_or_default());
        text.join(":") == name
    };
    let found = look.sockets.iter().find(is_it);
    found.ok_or_else(|| Failure::other(format!("core.sockets does not know {name}")))
}

/// What overload control says of a socket of `core.sockets`.
fn overload<'l>(socket: &Value, look: &'l Look) -> Option<&'l Value> {
    let members = ["address", "port"];
    let is_it = |overload: &&Value| members.iter().all(|m| overload.get(m) == socket.get(m));
    look.overload.iter().find(is_it)
}

/// Adds `NANOSECONDS:COUNT ...`.
fn add_times(sample: &mut Sample, text: &str) -> Result<(), Failure> {
    for word in text.split_whitespace() {
        let pair = word.split_once(':');
        let pair = pair.and_then(|(time, n)| Some((time.parse::<u64>().ok()?, n.parse().ok()?)));
        let (nanos, count): (u64, u64) =
            pair.ok_or_else(|| Failure::other(format!("{word} is no service time")))?;
        sample.add_time(nanos as f64 / 1e9, count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_receivers_are_added_up() {
        let mut sample = Sample::default();
        add_times(&mut sample, "1000:2 3000:1").unwrap();
        add_times(&mut sample, "3000:4").unwrap();
        add_times(&mut sample, "").unwrap();
        assert_eq!(sample.times, [(1e-6, 2), (3e-6, 5)]);
        assert!(add_times(&mut sample, "1000").is_err());
    }
}
