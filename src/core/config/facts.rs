//! What of a ser.cfg is fixed while a server runs from it, and what another file may say otherwise.
//!
//! Modules stay as they are, and so do their parameters unless they are read each time they are needed
//! ([`ModuleExports::live_params`]); of the core parameters the [`LIVE`] ones can change. Everything else is
//! refused, with the line that asks for it.
//!
//! [`ModuleExports::live_params`]: crate::core::module::ModuleExports::live_params

use super::ast::Span;
use super::diagnostics::{Diagnostics, SourceFile};
use crate::core::module::registry::{self, ParamEffect};
use std::collections::BTreeMap;

/// Core parameters that are read each time they are needed, or follow from the socket lists.
const LIVE: &[&str] = &[
    "advertised_address",
    "advertised_port",
    "alias",
    "check_via",
    "children",
    "debug",
    "dns",
    "dns_cache_flags",
    "dns_hosts_file",
    "dns_naptr_ignore_rfc",
    "dns_resolv_conf",
    "dns_retr_no",
    "dns_retr_time",
    "dns_sctp_pref",
    "dns_search_full_match",
    "dns_servers_no",
    "dns_srv_lb",
    "dns_tcp_pref",
    "dns_tls_pref",
    "dns_try_ipv6",
    "dns_try_naptr",
    "dns_udp_pref",
    "dns_use_search_list",
    "exit_timeout",
    "listen",
    "log_facility",
    "memdbg",
    "memlog",
    "mhomed",
    "mpath",
    "overload_delay",
    "overload_queue",
    "overload_retry_after",
    "port",
    "reload_on_hup",
    "reply_to_via",
    "rev_dns",
    "server_id",
    "server_signature",
    "sip_warning",
    "syn_branch",
    "use_dns_failover",
];

/// A value and where it stands.
#[derive(Clone, Debug)]
struct Set<T> {
    value: T,
    span: Span,
    /// Number of its line.
    line: usize,
}

/// What a file says of modules and parameters.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Files of the modules, in order.
    modules: Vec<(String, Set<String>)>,
    /// Module and parameter, with all values in order.
    mod_params: BTreeMap<(&'static str, String), Vec<Set<ParamEffect>>>,
    /// Core parameters that have an effect, by first name, with all values in order.
    params: BTreeMap<&'static str, Vec<Set<String>>>,
}

/// A module's parameter that is to get these values, or its default where there are none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParamChange {
    /// The module.
    pub module: &'static str,
    /// The parameter.
    pub name: String,
    /// In the order of the file.
    pub values: Vec<ParamEffect>,
}

impl Facts {
    pub(super) fn module(&mut self, path: String, name: &str, span: Span) {
        let value = name.to_owned();
        let set = Set {
            value,
            span,
            line: 0,
        };
        self.modules.push((path, set));
    }

    pub(super) fn mod_param(
        &mut self,
        module: &'static str,
        name: &[u8],
        value: ParamEffect,
        span: Span,
    ) {
        let name = String::from_utf8_lossy(name).into_owned();
        let all = self.mod_params.entry((module, name)).or_default();
        all.push(Set {
            value,
            span,
            line: 0,
        });
    }

    pub(super) fn param(&mut self, name: &'static str, value: String, span: Span) {
        let line = 0;
        let all = self.params.entry(name).or_default();
        all.push(Set { value, span, line });
    }

    /// Fills in the numbers of the lines.
    pub(super) fn number_lines(&mut self, source: &SourceFile) {
        let line = |span: Span| source.position(span.start).0;
        for (_, set) in &mut self.modules {
            set.line = line(set.span);
        }
        for set in self.mod_params.values_mut().flatten() {
            set.line = line(set.span);
        }
        for set in self.params.values_mut().flatten() {
            set.line = line(set.span);
        }
    }

    /// Whether there is a module of this file.
    pub(super) fn has_module(&self, path: &str) -> bool {
        self.modules.iter().any(|(known, _)| known == path)
    }

    /// Whether the sockets are to be those that `other` asked for.
    pub fn same_sockets(&self, other: &Facts) -> bool {
        let same = |name| values(self.params.get(name)) == values(other.params.get(name));
        ["listen", "alias", "port"].into_iter().all(same)
    }

    /// Refuses what a server that runs from `self` cannot change to; `end` is the end of the new file. What modules
    /// have to be told is the result.
    pub fn follow(&self, new: &Facts, end: u32, found: &mut Diagnostics) -> Vec<ParamChange> {
        let mut gone = Vec::new();
        self.follow_modules(new, found, &mut gone);
        self.follow_params(new, found, &mut gone);
        let changes = self.follow_mod_params(new, found, &mut gone);
        if !gone.is_empty() {
            let span = Span { start: end, end };
            let text = format!("this is no longer there: {}", gone.join(", "));
            found.error(span, text).help(RESTART);
        }
        changes
    }

    fn follow_modules(&self, new: &Facts, found: &mut Diagnostics, gone: &mut Vec<String>) {
        let position = |path: &str| self.modules.iter().position(|(known, _)| known == path);
        let mut last = 0;
        for (path, set) in &new.modules {
            // One that is not loaded was reported already.
            let Some(at) = position(path) else { continue };
            if at < last {
                let text = format!("module {} is loaded in another order", set.value);
                found.error(set.span, text).help(RESTART);
            }
            last = last.max(at);
        }
        for (path, set) in &self.modules {
            if !new.has_module(path) {
                gone.push(format!("loadmodule \"{}\" (line {})", set.value, set.line));
            }
        }
    }

    fn follow_params(&self, new: &Facts, found: &mut Diagnostics, gone: &mut Vec<String>) {
        let fixed = |name: &&&'static str| !LIVE.contains(*name);
        for name in new.params.keys().filter(fixed) {
            let was = self.params.get(name).and_then(|all| all.last());
            let Some(set) = new.params[name].last() else {
                continue;
            };
            if was.is_some_and(|was| was.value == set.value) {
                continue;
            }
            let text = match was {
                Some(was) => format!("{name} is {} (line {})", was.value, was.line),
                None => format!("{name} was not set"),
            };
            let text = format!("{text} in the server that runs");
            found.error(set.span, text).help(RESTART);
        }
        for (name, was) in &self.params {
            if fixed(&name) && !new.params.contains_key(name) {
                let line = was.last().map_or(0, |set| set.line);
                gone.push(format!("{name} (line {line})"));
            }
        }
    }

    fn follow_mod_params(
        &self,
        new: &Facts,
        found: &mut Diagnostics,
        gone: &mut Vec<String>,
    ) -> Vec<ParamChange> {
        let mut changes = Vec::new();
        let all = self.mod_params.keys().chain(new.mod_params.keys());
        let all: std::collections::BTreeSet<_> = all.collect();
        for key in all {
            let (was, is) = (self.mod_params.get(key), new.mod_params.get(key));
            if values(was) == values(is) {
                continue;
            }
            let (module, name) = key;
            if registry::is_live_param(module, name) {
                changes.push(ParamChange {
                    module,
                    name: name.clone(),
                    values: values(is),
                });
                continue;
            }
            match (
                was.and_then(|all| all.last()),
                is.and_then(|all| all.last()),
            ) {
                (Some(was), None) => {
                    gone.push(format!("modparam {module} {name} (line {})", was.line));
                }
                (was, Some(is)) => {
                    let text = match was {
                        Some(was) => format!("is {} (line {})", was.value, was.line),
                        None => "was not set".into(),
                    };
                    let text = format!("{name} of {module} {text} in the server that runs");
                    found.error(is.span, text).help(RESTART);
                }
                (None, None) => {}
            }
        }
        changes
    }
}

const RESTART: &str = "the server has to be restarted for it";

fn values<T: Clone>(all: Option<&Vec<Set<T>>>) -> Vec<T> {
    let all = all.into_iter().flatten();
    all.map(|set| set.value.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::params;

    #[test]
    fn every_parameter_that_can_change_is_one() {
        for name in LIVE {
            let param = params::find(name).expect(name);
            assert_eq!(param.first_name(), *name);
        }
    }

    fn facts(params: &[(&'static str, &str)]) -> Facts {
        let mut facts = Facts::default();
        for (at, (name, value)) in params.iter().enumerate() {
            let (start, end) = (at as u32 * 10, at as u32 * 10 + 5);
            facts.param(name, (*value).to_owned(), Span { start, end });
        }
        facts
    }

    #[test]
    fn what_cannot_change_is_refused_where_it_stands_or_where_it_stood() {
        let running = facts(&[
            ("user", "ser"),
            ("tos", "16"),
            ("debug", "1"),
            ("fork", "1"),
        ]);
        let refused = |new: &Facts| {
            let mut found = Diagnostics::default();
            running.follow(new, 100, &mut found);
            let all = found.sorted();
            let all = all.iter().map(|d| (d.span.start, d.message.clone()));
            all.collect::<Vec<_>>()
        };
        assert_eq!(refused(&running), []);
        let new = facts(&[
            ("debug", "4"),
            ("user", "root"),
            ("fork", "1"),
            ("tos", "16"),
        ]);
        let text = "user is ser (line 0) in the server that runs".to_owned();
        assert_eq!(refused(&new), [(10, text)]);
        let gone = "this is no longer there: tos (line 0), user (line 0)".to_owned();
        assert_eq!(refused(&facts(&[("fork", "1")])), [(100, gone)]);
        // The last one counts.
        let twice = facts(&[("tos", "8"), ("tos", "16"), ("user", "ser"), ("fork", "1")]);
        assert_eq!(refused(&twice), []);
    }
}
