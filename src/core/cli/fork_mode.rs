//! `-D` and `fork=`: how the server runs.

/// The three ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ForkMode {
    /// Leaves the terminal, forks the tree.
    Daemon,
    /// `-D` or `fork=no`: the main process is the only receiver; no pid file, no chroot, no change of
    /// directory.
    NoFork,
    /// `-D -D`: forks the tree, but stays in the foreground of whoever started it.
    Foreground,
}

impl ForkMode {
    /// From how often `-D` was given, which replaces what the file says.
    pub(super) fn choose(dont_fork: u32, fork: bool) -> ForkMode {
        match (dont_fork, fork) {
            (0, true) => ForkMode::Daemon,
            (0, false) | (1, _) => ForkMode::NoFork,
            (2, _) => ForkMode::Foreground,
            (3.., _) => ForkMode::Daemon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_replaces_the_file() {
        assert_eq!(ForkMode::choose(0, true), ForkMode::Daemon);
        assert_eq!(ForkMode::choose(0, false), ForkMode::NoFork);
        assert_eq!(ForkMode::choose(1, true), ForkMode::NoFork);
        assert_eq!(ForkMode::choose(2, false), ForkMode::Foreground);
        assert_eq!(ForkMode::choose(3, false), ForkMode::Daemon);
    }
}
