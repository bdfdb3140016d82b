//! Variables: from `serctlrc` beside ser.cfg, `~/.serctlrc` and the environment, the later over the earlier.

use crate::lab::{Lab, failed, serctl};
use std::path::Path;
use std::process::Output;

fn at_home(home: &Path, words: &[&str]) -> Output {
    serctl().env("HOME", home).args(words).output().unwrap()
}

#[test]
fn the_file_in_the_home_says_where_the_server_is_and_the_environment_knows_better() {
    let lab = Lab::new(&[], "");
    let home = lab.setup.dir.path();
    let socket = lab.path("ctl");
    let text = format!(
        "# mine\nexport SER_CTL=\"unixs:{}\"  # here\nFOREIGN=1\n",
        socket.display()
    );
    std::fs::write(home.join(".serctlrc"), text).unwrap();
    let output = at_home(home, &["rpc", "core.prints", "x"]);
    assert_eq!(output.stdout, b"x\n", "{output:?}");
    let elsewhere = |words: &[&str]| {
        let mut command = serctl();
        command
            .env("HOME", home)
            .env("SER_CTL", "unixs:/nonexistent/ctl");
        command.args(words).output().unwrap()
    };
    let (code, said) = failed(elsewhere(&["ps"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("/nonexistent/ctl"), "{said}");
    let socket = socket.display().to_string();
    let output = elsewhere(&["-s", &socket, "rpc", "core.prints", "x"]);
    assert_eq!(output.stdout, b"x\n", "{output:?}");
}

#[test]
fn a_file_that_is_no_list_of_variables_is_refused_with_its_line() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".serctlrc");
    for (text, why) in [
        ("A=1\nrm -rf /\n", "2: NAME=value is expected"),
        (
            "PW=`cat pw`\n",
            "1: values are taken as they are: nothing is expanded",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, said) = failed(at_home(home.path(), &["help"]));
        assert_eq!(code, Some(1));
        assert_eq!(said, format!("error: {}:{why}\n", file.display()));
    }
}
