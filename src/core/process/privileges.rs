//! Who the server is once its sockets are bound: user and group (`-u`, `-g`), looked up before
//! anything is opened, taken before the first fork.
//!
//! Invariant: privileges only ever go down, and either completely (supplementary groups included)
//! or the start fails.

use nix::unistd::{Gid, Group, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};
use std::ffi::CString;

/// What to become; `None` leaves the value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: Option<Uid>,
    /// Group id.
    pub gid: Option<Gid>,
    /// Name of the user, where one is known: its supplementary groups are taken over.
    name: Option<String>,
}

/// Why there is no such identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// Neither a number nor the name of a user.
    User,
    /// Neither a number nor the name of a group.
    Group,
}

impl Identity {
    /// Looks up a user (a *name* brings its primary group along) and a group (which wins).
    pub fn look_up(user: Option<&str>, group: Option<&str>) -> Result<Identity, Unknown> {
        let mut identity = Identity::default();
        if let Some(user) = user {
            identity.set_user(user)?;
        }
        if let Some(group) = group {
            identity.gid = Some(find_group(group).ok_or(Unknown::Group)?);
        }
        Ok(identity)
    }

    fn set_user(&mut self, user: &str) -> Result<(), Unknown> {
        if let Ok(uid) = user.parse() {
            self.uid = Some(Uid::from_raw(uid));
            return Ok(());
        }
        let found = User::from_name(user).ok().flatten().ok_or(Unknown::User)?;
        self.uid = Some(found.uid);
        self.gid = Some(found.gid);
        self.name = Some(found.name);
        Ok(())
    }

    /// Becomes this identity for good. Root (0) means, as in SER, "do not change".
    pub fn assume(&self) -> Result<(), String> {
        let gid = self.gid.filter(|gid| gid.as_raw() != 0);
        let uid = self.uid.filter(|uid| !uid.is_root());
        if geteuid().is_root() && (gid.is_some() || uid.is_some()) {
            self.set_supplementary_groups(gid)?;
        }
        if let Some(gid) = gid {
            setgid(gid).map_err(|e| format!("cannot change gid to {gid}: {e}"))?;
        }
        if let Some(uid) = uid {
            setuid(uid).map_err(|e| format!("cannot change uid to {uid}: {e}"))?;
        }
        // The kernel writes no core file of a process that has changed its user, unless told so. The
        // limit of the core size decides.
        nix::sys::prctl::set_dumpable(true).map_err(|e| format!("PR_SET_DUMPABLE: {e}"))
    }

    fn set_supplementary_groups(&self, gid: Option<Gid>) -> Result<(), String> {
        let wrong = |e| format!("cannot set supplementary groups: {e}");
        let name = self.name.as_deref().and_then(|n| CString::new(n).ok());
        match (name, gid) {
            (Some(name), Some(gid)) => initgroups(&name, gid).map_err(wrong),
            (_, Some(gid)) => setgroups(&[gid]).map_err(wrong),
            (_, None) => setgroups(&[]).map_err(wrong),
        }
    }
}

fn find_group(group: &str) -> Option<Gid> {
    if let Ok(gid) = group.parse() {
        return Some(Gid::from_raw(gid));
    }
    Some(Group::from_name(group).ok().flatten()?.gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_sets_only_the_user() {
        let identity = Identity::look_up(Some("65534"), None).unwrap();
        assert_eq!(identity.uid, Some(Uid::from_raw(65534)));
        assert_eq!(identity.gid, None);
    }

    #[test]
    fn a_name_brings_its_primary_group_and_an_explicit_group_wins() {
        let identity = Identity::look_up(Some("root"), None).unwrap();
        assert_eq!(identity.gid, Some(Gid::from_raw(0)));
        let identity = Identity::look_up(Some("root"), Some("12")).unwrap();
        assert_eq!(identity.gid, Some(Gid::from_raw(12)));
    }

    #[test]
    fn unknown_names_are_told_apart() {
        let nobody = "no-such-user-here";
        assert_eq!(Identity::look_up(Some(nobody), None), Err(Unknown::User));
        assert_eq!(Identity::look_up(None, Some(nobody)), Err(Unknown::Group));
    }
}
