//! The commands of SER 0.8 and 0.9 that scripts and `serctl` send through the FIFO, and what they are called
//! now. Those that are still methods (`t_uac_dlg`, `t_uac_cancel` of module tm) are not among them.

/// Old and present name.
const NAMES: &[(&str, &str)] = &[
    ("which", "system.listMethods"),
    ("ps", "core.ps"),
    ("version", "core.version"),
    ("uptime", "core.uptime"),
    ("print", "core.prints"),
    ("pwd", "core.pwd"),
    ("arg", "core.arg"),
    ("kill", "core.kill"),
    ("sl_stats", "sl.stats"),
    ("t_stats", "tm.stats"),
    ("t_reply", "tm.reply"),
    ("ul_stats", "usrloc.stats"),
    ("ul_rm", "usrloc.delete_uid"),
    ("ul_rm_contact", "usrloc.delete_contact"),
    ("ul_dump", "usrloc.dump"),
    ("ul_flush", "usrloc.flush"),
    ("ul_add", "usrloc.add_contact"),
    ("ul_show_contact", "usrloc.show_contacts"),
    ("domain_reload", "domain.reload"),
    ("domain_dump", "domain.dump"),
    ("trusted_reload", "trusted.reload"),
    ("trusted_dump", "trusted.dump"),
    ("lcr_reload", "lcr.reload"),
    ("lcr_dump", "lcr.dump"),
];

/// The present name of an old command.
pub(super) fn present(old: &[u8]) -> Option<&'static str> {
    let found = NAMES.iter().find(|(name, _)| name.as_bytes() == old);
    found.map(|(_, present)| *present)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_old_name_stands_twice() {
        let mut names: Vec<_> = NAMES.iter().map(|(old, _)| old).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
    }
}
