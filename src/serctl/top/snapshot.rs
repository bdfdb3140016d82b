//! What the server tells at one moment: all of it over RPC.

use super::times::Times;
use crate::{Client, Failure, Value};
use ser::core::rpc::RpcValue;
use std::collections::HashMap;
use std::time::Instant;

/// Microseconds below which a task that is no message is not shown: the answers to our own questions are some.
const SHORT_TASK: i64 = 10_000;

/// The server at one moment. What a server does not know, because a module is not loaded, is `None`.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Instant,
    /// Name and version.
    pub version: String,
    /// Seconds.
    pub uptime: i64,
    /// In the order of their slots.
    pub processes: Vec<Process>,
    /// In the order of the config.
    pub sockets: Vec<Socket>,
    /// Counters by name.
    pub counters: HashMap<String, i64>,
    /// Of module tm.
    pub transactions: Option<Transactions>,
    /// Users with contacts, over all tables.
    pub users: Option<i64>,
    /// Shared memory.
    pub memory: Memory,
}

/// One process.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Process {
    pub slot: i64,
    pub pid: i64,
    /// Whether it works on messages.
    pub receives: bool,
    pub desc: String,
    pub restarts: i64,
    pub messages: i64,
    /// Time spent on messages in microseconds, the present one included.
    pub busy_us: i64,
    /// Of that in name lookups, databases, programs and locks.
    pub blocked_us: i64,
    /// How long the present message or other task has been worked on; 0: there is none.
    pub working_us: i64,
    /// Line of ser.cfg that it executes.
    pub line: i64,
    /// Route and commands of that line.
    pub place: String,
    pub times: Times,
}

/// One listening socket.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Socket {
    /// `udp:127.0.0.1:5060`
    pub name: String,
    /// Of its receivers; `None`: nobody knows.
    pub children: Option<i64>,
    pub queue_bytes: i64,
    pub queue_limit: i64,
    /// By the kernel, since the start.
    pub drops: i64,
}

/// Counters of module tm.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Transactions {
    pub current: i64,
    /// Of requests that came and of those that the server sent.
    pub total: i64,
}

/// Shared memory in bytes.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Memory {
    pub used: i64,
    pub limit: i64,
    /// Most used first.
    pub modules: Vec<(String, i64)>,
}

impl Snapshot {
    /// Asks for everything.
    pub fn take(client: &mut Client) -> Result<Snapshot, Failure> {
        let at = Instant::now();
        let workers = client.call("core.workers", &[])?;
        let mut times = times(client)?;
        let processes: Result<Vec<_>, _> = workers
            .iter()
            .map(|worker| Process::of(worker, &mut times))
            .collect();
        let version = client.call("core.version", &[])?;
        let version = version.first().map(Value::to_string).unwrap_or_default();
        let version = version.strip_prefix("Server: ").unwrap_or(&version);
        Ok(Snapshot {
            at,
            version: version.to_owned(),
            uptime: client.one("core.uptime")?.int("uptime")?,
            sockets: sockets(client)?,
            processes: processes?,
            counters: counters(&client.one("core.counters")?),
            transactions: transactions(client)?,
            users: users(client)?,
            memory: memory(client)?,
        })
    }

    /// A counter; 0 if the server does not have it.
    pub fn counter(&self, name: &str) -> i64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// All counters whose names begin so.
    pub fn counters_of(&self, prefix: &str) -> i64 {
        let of = self
            .counters
            .iter()
            .filter(|(name, _)| name.starts_with(prefix));
        of.map(|(_, n)| n).sum()
    }
}

impl Process {
    fn of(worker: &Value, times: &mut HashMap<i64, Times>) -> Result<Process, Failure> {
        let optional = |name: &str| worker.get(name).and_then(Value::as_int).unwrap_or(0);
        let slot = worker.int("slot")?;
        let (rank, messages) = (worker.int("rank")?, worker.int("messages")?);
        let receives = rank > 0 || messages > 0;
        let working_us = match (receives, optional("working_us")) {
            (false, ..SHORT_TASK) => 0,
            (_, us) => us,
        };
        let at_message = if receives { working_us } else { 0 };
        let place = worker.get("place").and_then(Value::as_str);
        let blocked = ["dns", "database", "exec", "locks"];
        let blocked = blocked.map(|what| optional(&format!("blocked_{what}_us")));
        Ok(Process {
            slot,
            pid: worker.int("pid")?,
            receives,
            desc: worker.str("description")?.to_owned(),
            restarts: optional("restarts"),
            messages,
            busy_us: worker.int("busy_us")? + at_message,
            blocked_us: blocked.iter().sum(),
            working_us,
            line: optional("line"),
            place: place.unwrap_or("").to_owned(),
            times: times.remove(&slot).unwrap_or_default(),
        })
    }
}

fn times(client: &mut Client) -> Result<HashMap<i64, Times>, Failure> {
    let told = client.if_known("core.service_times", &[])?;
    let told = told.iter().flatten();
    told.map(|one| Ok((one.int("slot")?, Times::parse(one.str("times")?)?)))
        .collect()
}

fn counters(told: &Value) -> HashMap<String, i64> {
    let members = told.members().iter();
    let numbers = members.filter_map(|(name, value)| Some((name.clone(), value.as_int()?)));
    numbers.collect()
}

fn transactions(client: &mut Client) -> Result<Option<Transactions>, Failure> {
    let told = client.if_known("tm.stats", &[])?;
    let Some(stats) = told.as_deref().and_then(<[Value]>::first) else {
        return Ok(None);
    };
    Ok(Some(Transactions {
        current: stats.int("current")?,
        total: stats.int("total")? + stats.int("total_local")?,
    }))
}

fn users(client: &mut Client) -> Result<Option<i64>, Failure> {
    let told = client.if_known("usrloc.stats", &[])?;
    let sum = |tables: Vec<Value>| tables.iter().map(|table| table.int("users")).sum();
    told.map(sum).transpose()
}

fn memory(client: &mut Client) -> Result<Memory, Failure> {
    let all = client.one("core.shmmem")?;
    let modules = client.call("core.shm_by_module", &[])?;
    let module = |one: &Value| -> Result<(String, i64), Failure> {
        Ok((one.str("module")?.to_owned(), one.int("real_used")?))
    };
    let modules: Result<Vec<_>, _> = modules.iter().map(module).collect();
    let mut modules = modules?;
    modules.sort_by_key(|(_, bytes)| -bytes);
    Ok(Memory {
        used: all.int("real_used")?,
        limit: all.int("total")?,
        modules,
    })
}

/// `PROTO:ADDRESS:PORT`
fn socket_name(told: &Value) -> Result<String, Failure> {
    let (proto, address) = (told.str("proto")?, told.str("address")?);
    Ok(format!("{proto}:{address}:{}", told.int("port")?))
}

fn sockets(client: &mut Client) -> Result<Vec<Socket>, Failure> {
    let counted = client.if_known("core.children", &[])?.unwrap_or_default();
    let children = |name: &str| {
        let is_it = |one: &&Value| socket_name(one).is_ok_and(|n| n == name);
        counted.iter().find(is_it)?.get("children")?.as_int()
    };
    let socket = |told: &Value| {
        let name = socket_name(told)?;
        Ok(Socket {
            children: children(&name),
            name,
            queue_bytes: told.int("queue_bytes")?,
            queue_limit: told.int("queue_limit")?,
            drops: told.int("drops")?,
        })
    };
    client
        .call("core.sockets", &[])?
        .iter()
        .map(socket)
        .collect()
}

/// Has the server make the number of receivers of a socket what is wanted; what it is then.
pub fn set_children(client: &mut Client, socket: &str, number: i64) -> Result<String, Failure> {
    let params = [RpcValue::Str(socket.into()), RpcValue::Int(number)];
    match client.if_known("core.children", &params)? {
        None => Err(Failure::other(
            "this server cannot change the number of children while it runs",
        )),
        Some(told) => {
            let now = told.first().and_then(|one| one.get("children"));
            let now = now.map_or(number.to_string(), Value::to_string);
            Ok(format!("{socket} has {now} children"))
        }
    }
}
