//! Actions that do not steer the run: forward, log, flags, the Request-URI, branches.

use super::action::{ActionKind, HostTarget};
use super::uri_edit;
use crate::core::forward::{self, Target};
use crate::core::msg::{
    Avp, AvpIndex, AvpName, AvpSpec, Avps, Branch, Q_UNSPECIFIED, SerError, SipMsg,
};
use crate::core::stats::work;

/// Executes one; its value.
pub(super) fn run(kind: &'static ActionKind, msg: &mut SipMsg<'_>) -> i32 {
    match kind {
        ActionKind::Forward { target, proto } => match target.resolved() {
            Some(target) => forward::forward(msg, &target, *proto),
            None => SerError::BAD_ADDRESS.0,
        },
        ActionKind::Send { target, proto } => match target.resolved() {
            Some(Target::Fixed(to)) => forward::send(msg, to, *proto),
            Some(Target::NextHop { .. }) | None => SerError::BAD_ADDRESS.0,
        },
        ActionKind::Log { level, text } => {
            crate::core::log::log_at(*level, text);
            1
        }
        ActionKind::Error { code, text } => {
            crate::core::log::notice!(
                "WARNING: do_action: error(\"{}\", \"{}\") not implemented yet",
                String::from_utf8_lossy(code),
                String::from_utf8_lossy(text)
            );
            1
        }
        ActionKind::Exec(command) => exec(command),
        ActionKind::SetFlag(mask) => {
            msg.flags |= mask;
            1
        }
        ActionKind::ResetFlag(mask) => {
            msg.flags &= !mask;
            1
        }
        ActionKind::IsFlagSet(mask) => {
            if msg.flags & mask != 0 {
                1
            } else {
                -1
            }
        }
        ActionKind::SetAvpFlag { spec, bit } => {
            change_avp_flags(msg, spec, *bit, |flags| *flags |= bit)
        }
        ActionKind::ResetAvpFlag { spec, bit } => {
            change_avp_flags(msg, spec, *bit, |flags| *flags &= !bit)
        }
        ActionKind::IsAvpFlagSet { spec, bit } => {
            let meant = meant_avps(&msg.avps, spec);
            let set = |(i, avp): (usize, &Avp<'_>)| meant(i, avp) && avp.flags & bit != 0;
            let any = msg.avps.as_slice().iter().enumerate().any(set);
            if any { 1 } else { -1 }
        }
        ActionKind::Uri(op) => uri_edit::apply(msg, op),
        ActionKind::RevertUri => {
            msg.revert_uri();
            1
        }
        ActionKind::AppendBranch { uri, q } => append_branch(msg, uri.as_deref(), *q),
        ActionKind::ForceRport => {
            msg.force_rport = true;
            1
        }
        // Connections are not there yet; on UDP SER does nothing either.
        ActionKind::ForceTcpAlias(_) => 1,
        ActionKind::SetAdvertisedAddress(text) => {
            msg.advertised_address = Some(text);
            1
        }
        ActionKind::SetAdvertisedPort(port) => {
            msg.advertised_port = *port;
            1
        }
        ActionKind::ForceSendSocket { socket, .. } => {
            msg.force_send_socket = *socket;
            1
        }
        ActionKind::Module { .. }
        | ActionKind::If { .. }
        | ActionKind::Route(_)
        | ActionKind::Block(_)
        | ActionKind::Exit(_)
        | ActionKind::Return(_)
        | ActionKind::AssignAvp { .. } => SerError::BUG.0,
    }
}

impl HostTarget {
    fn resolved(&self) -> Option<Target> {
        match self {
            HostTarget::NextHop { port } => Some(Target::NextHop { port: *port }),
            HostTarget::Host { address, .. } => address.map(Target::Fixed),
        }
    }
}

fn exec(command: &str) -> i32 {
    crate::core::log::notice!("WARNING: exec(\"{command}\") is obsolete, use module exec");
    let mut shell = std::process::Command::new("/bin/sh");
    match work::blocked(work::Blocked::Exec, || {
        shell.arg("-c").arg(command).status()
    }) {
        Ok(status) if status.success() => {}
        Ok(status) => {
            crate::core::log::notice!("WARNING: exec(\"{command}\") ended with {status}");
        }
        Err(why) => log::error!("ERROR: exec(\"{command}\"): {why}"),
    }
    1
}

/// Which attributes, told by place and content, `spec` means for their flags: the one it names, all with
/// `[]` or a pattern.
fn meant_avps<'s>(
    avps: &Avps<'_>,
    spec: &'s AvpSpec,
) -> impl Fn(usize, &Avp<'_>) -> bool + use<'s> {
    let all = spec.index == AvpIndex::All || matches!(spec.name, AvpName::Regex(_));
    let only = avps.position(spec);
    move |place, avp| match all {
        true => spec.matches(avp),
        false => only == Some(place),
    }
}

/// Changes the flags of the attributes that `spec` means; 1 if the flag is set on any of them afterwards.
fn change_avp_flags(
    msg: &mut SipMsg<'_>,
    spec: &AvpSpec,
    bit: u32,
    change: impl Fn(&mut u32),
) -> i32 {
    let meant = meant_avps(&msg.avps, spec);
    let mut set = false;
    for (i, avp) in msg.avps.as_mut_slice().iter_mut().enumerate() {
        if meant(i, avp) {
            change(&mut avp.flags);
            set |= avp.flags & bit != 0;
        }
    }
    if set { 1 } else { -1 }
}

fn append_branch(msg: &mut SipMsg<'_>, uri: Option<&'static [u8]>, q: i32) -> i32 {
    let (uri, dst_uri) = match uri {
        Some(uri) => (uri, None),
        None => (msg.request_uri(), msg.dst_uri),
    };
    let q = if uri.is_empty() { Q_UNSPECIFIED } else { q };
    let branch = Branch {
        uri,
        dst_uri,
        q,
        socket: msg.force_send_socket,
    };
    if msg.branches.push(branch) {
        return 1;
    }
    log::error!("ERROR: append_branch: max nr of branches exceeded");
    msg.error = SerError::TOO_MANY_BRANCHES;
    -1
}
