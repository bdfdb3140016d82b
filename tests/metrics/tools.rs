//! Prometheus's own tool reads the page.

use crate::lab::Lab;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn promtool_has_nothing_to_say_against_the_page() {
    let lab = Lab::new(
        &["tm", "usrloc", "registrar", "textops"],
        "use_dst_blacklist=yes\nroute { save(\"location\"); t_relay(); }\nroute[\"odd name\"] { search(\"x\"); }",
    );
    lab.ask("OPTIONS", "sip:a@127.0.0.1:1");
    let page = lab.page();
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.expect("promtool (Debian package prometheus) is there");
    let mut input = promtool.stdin.take().expect("a pipe");
    input.write_all(page.0.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
