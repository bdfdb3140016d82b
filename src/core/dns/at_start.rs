//! Names before there is shared memory or a second process: the `listen=` addresses, and the names that
//! our own addresses have.

use super::engine::{Engine, Finished};
use super::name::{HostName, reverse_name};
use super::policy::Policy;
use super::query::Query;
use super::records::{Question, RecordSet, RecordType};
use super::service;
use super::task::Task;
use crate::core::net::{Named, Names, Proto};
use crate::core::settings::Settings;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A start waits so long, in all, for names that our addresses may have; without them it goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks names up for the start of the server, in this process.
pub struct AtStart {
    settings: Settings,
}

impl AtStart {
    /// With the dns_* parameters.
    pub fn new(settings: &Settings) -> AtStart {
        AtStart {
            settings: settings.clone(),
        }
    }

    fn run(&self, settings: &Settings, task: &Task) -> Result<Finished, String> {
        let policy = Policy::new(settings, &[]);
        let engine = Engine::new(settings, policy, None);
        let mut engine = engine.map_err(|why| why.to_string())?;
        Ok(service::run(&mut engine, task))
    }
}

impl Names for AtStart {
    fn addresses(&self, name: &str) -> Result<Named, String> {
        // All addresses are wanted; the port keeps SRV out.
        let all = Settings {
            use_dns_failover: true,
            use_dns_cache: true,
            ..self.settings.clone()
        };
        let query = Query::new(name.as_bytes(), 1, Proto::Udp);
        let task = Task::of_query(&query).map_err(|why| why.to_string())?;
        let finished = self.run(&all, &task)?;
        let found = finished.done.destinations();
        let found = found.map_err(|why| why.to_string())?;
        Ok(Named {
            official: finished.official.unwrap_or_else(|| name.to_owned()),
            addresses: found.map(|to| to.ip).collect(),
        })
    }

    fn names(&self, ips: &[IpAddr]) -> Vec<Vec<String>> {
        let end = Instant::now() + PATIENCE;
        let impatient = Settings {
            dns_retr_time: 1,
            dns_retr_no: 1,
            ..self.settings.clone()
        };
        let names = |ip: &IpAddr| self.names_of(*ip, &impatient, end);
        ips.iter().map(names).collect()
    }
}

impl AtStart {
    fn names_of(&self, ip: IpAddr, settings: &Settings, end: Instant) -> Vec<String> {
        let local = super::engine::local::Local::new(settings);
        let known: Vec<String> = local.hosts.names(ip).map(str::to_owned).collect();
        // Nobody else knows the names of a loopback address (RFC 6761 §6.3).
        if !known.is_empty() || ip.is_loopback() || ip.is_multicast() || Instant::now() >= end {
            return known;
        }
        let asked = reverse_name(ip).and_then(|name| self.pointers(name, settings));
        asked.unwrap_or_else(|why| {
            log::warn!("WARNING: could not rev. resolve {ip}: {why}");
            Vec::new()
        })
    }

    fn pointers(&self, name: HostName, settings: &Settings) -> Result<Vec<String>, super::Failure> {
        let rtype = RecordType::Ptr;
        let task = Task::of_question(&Question { name, rtype });
        let finished = self.run(settings, &task);
        let set = finished
            .map_err(|_| super::Failure::ServerFailure)?
            .done
            .records()?;
        let text = |name: &[u8]| {
            let name = name.strip_suffix(b".").unwrap_or(name);
            String::from_utf8_lossy(name).into_owned()
        };
        Ok(RecordSet::new(rtype, &set).names().map(text).collect())
    }
}
