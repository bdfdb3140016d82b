//! What OpenIMSCore's wrappers and init scripts expect of the server that they start.

use crate::common::{Setup, tree::is_alive, wait_until};
use crate::kit::{install_quickly, installed, run};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An installation, and a config of a CSCF whose path no other process has in its command line.
struct Cscf {
    setup: Setup,
    config: PathBuf,
}

impl Cscf {
    fn install() -> Cscf {
        let setup = Setup::new();
        install_quickly(&setup.path("opt"));
        let folder = setup.path("etc/openimscore");
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("pcscf.cfg");
        let listen = format!("listen=udp:127.0.0.1:{}\n", setup.port);
        std::fs::write(&config, format!("{listen}children=2\nroute {{ drop; }}\n")).unwrap();
        Cscf { setup, config }
    }

    fn server(&self, options: &[&str]) -> Command {
        let mut command = installed(&self.setup.path("opt"));
        command.arg("-f").arg(&self.config).args(options);
        command.stdin(Stdio::null());
        command
    }

    /// killser and stopser: the signal goes to every process that `ps fax` shows with `/ser -f ` and the name of
    /// the config, in the order of ps.
    fn signal_all(&self, signal: &str) -> usize {
        let pids = self.listed();
        for pid in &pids {
            let mut kill = Command::new("kill");
            // A child may be gone already, because its parent was told first.
            let _ = kill.args([signal, pid]).stderr(Stdio::null()).status();
        }
        pids.len()
    }

    fn listed(&self) -> Vec<String> {
        let listed = run({
            let mut ps = Command::new("ps");
            ps.args(["fax", "-ww"]);
            ps
        });
        let config = self.config.to_str().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let ours = |line: &&str| line.contains("/ser -f ") && line.contains(config);
        let pid = |line: &str| line.split_whitespace().next().unwrap().to_owned();
        listed.lines().filter(ours).map(pid).collect()
    }
}

#[test]
fn every_process_of_the_foreground_server_is_found_by_its_command_line_and_killed() {
    let cscf = Cscf::install();
    let server = cscf.setup.start(cscf.server(&["-D", "-D"]));
    let processes = server.tree.children().len() + 1;
    assert_eq!(cscf.listed().len(), processes);
    cscf.signal_all("-9");
    // Neither an orphan nor a replacement outlives it.
    wait_until("nothing is left", || cscf.listed().is_empty());
}

#[test]
fn stopser_ends_the_tree() {
    let cscf = Cscf::install();
    let mut server = cscf.setup.start(cscf.server(&["-D", "-D"]));
    assert!(cscf.signal_all("-2") > 4);
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
}

/// The init scripts of the Debian packages: a daemon by three -D, found in `ps -ef` as a process of root that has no
/// parent any more, told to stop by SIGINT, and expected to be gone after three seconds.
#[test]
fn the_debian_init_scripts_find_the_daemon_and_stop_it_in_time() {
    let cscf = Cscf::install();
    let tree = cscf.setup.launch(cscf.server(&["-D", "-D", "-D"]));
    let pid = tree.attendant();
    let listed = run({
        let mut ps = Command::new("ps");
        ps.args(["-ef", "-ww"]);
        ps
    });
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let found = listed.lines().find(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1) == Some(&pid.to_string().as_str())
    });
    let found = found.expect("the daemon is listed");
    assert!(found.contains("openimscore/pcscf.cfg"), "{found}");
    let parent = found.split_whitespace().nth(2).unwrap();
    assert_ne!(parent, std::process::id().to_string(), "{found}");
    assert!(
        Command::new("kill")
            .args(["-2", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(!is_alive(pid));
    tree.wait_gone();
}
