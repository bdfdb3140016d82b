//! A dialog for people (SER's print_dlg): one line a field.

use super::{Dialog, Party};
use std::fmt;

impl fmt::Display for Dialog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "state: {:?}", self.state)?;
        writeln!(f, "call-id: {}", self.call_id.escape_ascii())?;
        party(f, "local", &self.local)?;
        party(f, "remote", &self.remote)?;
        writeln!(f, "local cseq: {}", self.local_seq)?;
        match self.remote_seq {
            Some(number) => writeln!(f, "remote cseq: {number}")?,
            None => writeln!(f, "remote cseq: none")?,
        }
        writeln!(f, "remote target: {}", self.target.escape_ascii())?;
        writeln!(f, "route set: {}", self.route_set.escape_ascii())?;
        writeln!(f, "dst_uri: {}", self.dst_uri.escape_ascii())?;
        writeln!(f, "secure: {}", self.secure)?;
        writeln!(f, "socket: {}", self.socket.map_or("any", |s| &s.name))
    }
}

fn party(f: &mut fmt::Formatter<'_>, side: &str, party: &Party<'_>) -> fmt::Result {
    writeln!(f, "{side} uri: {}", party.uri.escape_ascii())?;
    writeln!(f, "{side} name: {}", party.display.escape_ascii())?;
    writeln!(f, "{side} tag: {}", party.tag.escape_ascii())
}
