//! JSON-RPC 2.0 over HTTP and unix sockets, with curl and Python as clients.

use crate::common::free_port_pair;
use crate::ctl::fill;
use crate::lab::Lab;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

struct Json {
    lab: Lab,
    port: u16,
}

/// Module usrloc gives methods with parameters and long replies.
fn json(more: &str) -> Json {
    let port = free_port_pair();
    let lines = format!(
        "modparam(\"jsonrpc\", \"listen\", \"127.0.0.1:{port}\")\nmodparam(\"jsonrpc\", \"socket\", \"@DIR@/json\")\n\
         modparam(\"ctl\", \"binrpc\", \"unixs:@DIR@/ctl\")\n{more}\n\
         route[1] {{ save(\"location\"); }}"
    );
    let lab = Lab::new(&["usrloc", "registrar", "ctl", "jsonrpc"], &lines);
    Json { lab, port }
}

impl Json {
    fn curl(&self, options: &str) -> String {
        let url = format!("http://127.0.0.1:{}/rpc", self.port);
        self.lab.shell(&format!("curl -s -m 20 {options} {url}"))
    }

    /// Sends bytes over TCP and reads to the end.
    fn raw(&self, text: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let patience = Some(crate::common::PATIENCE);
        socket.set_read_timeout(patience).expect("a timeout");
        socket.write_all(text.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        // What came before a reset counts.
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[test]
fn curl_calls_methods_over_http() {
    let json = json("");
    let call =
        "-d '{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[\"a\\nb\"],\"id\":7}'";
    let reply = "{\"jsonrpc\":\"2.0\",\"result\":\"a\\nb\",\"id\":7}";
    assert_eq!(json.curl(call), reply);
    let chunked = format!("-H 'Transfer-Encoding: chunked' {call}");
    assert_eq!(json.curl(&chunked), reply);
    assert_eq!(
        json.curl(&format!("-H 'Expect: 100-continue' {call}")),
        reply
    );
    assert_eq!(json.curl(&format!("-0 {call}")), reply);
    let notification =
        "-w '%{http_code}' -d '{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[1]}'";
    assert_eq!(json.curl(notification), "204");
    let status = "-o /dev/null -w '%{http_code} '";
    assert_eq!(json.curl(status), "405 ");
    let elsewhere = "POST /x HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert!(json.raw(elsewhere).starts_with("HTTP/1.1 404 "));
    assert_eq!(
        json.curl(&format!("{status} -H 'Origin: http://evil.example' {call}")),
        "403 "
    );
    json.lab.sip_goes_on();
}

const PYTHON: &str = r#"
import http.client, json, socket, sys
port = int(sys.argv[1])
web = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
def post(body):
    web.request("POST", "/rpc", body if isinstance(body, str) else json.dumps(body))
    reply = web.getresponse()
    text = reply.read()
    assert reply.status == 200, (reply.status, text)
    return json.loads(text)
def call(method, *params, id=1):
    return {"jsonrpc": "2.0", "method": method, "params": list(params), "id": id}
up = post(call("core.uptime"))["result"]
assert isinstance(up["uptime"], int) and up["now"].endswith("\n"), up
assert "jsonrpc server" in post(call("core.ps"))["result"]
assert isinstance(post(call("system.listMethods"))["result"], list)
assert post(call("usrloc.dump"))["result"] == []
assert post(call("usrloc.flush"))["result"] is None
assert post(call("usrloc.show_contacts", "location", "bob"))["error"] == {"code": 404, "message": "AOR Not Found"}
assert post(call("no.such"))["error"]["code"] == -32601
assert post(call("usrloc.show_contacts"))["error"]["code"] == -32602
assert post(call("core.prints", [1]))["error"]["code"] == -32602
assert post("{")["error"]["code"] == -32700
batch = post([call("core.prints", "x", id="a"), {"jsonrpc": "2.0", "method": "core.prints", "params": ["n"]}, 5,
              call("core.prints", 3, id="b")])
assert [r.get("result") for r in batch] == ["x", None, "3"], batch
for i in range(2000):
    assert post(call("usrloc.add_contact", "location", f"u{i}", f"sip:u{i}@h", 1000, 0.5, 0))["result"] is None
dump = post(call("usrloc.dump"))["result"]
assert len(dump) == 2000 and len({d["uid"] for d in dump}) == 2000
both = post([call("usrloc.dump", id=1), call("usrloc.dump", id=2)])
assert [len(r["result"]) for r in both] == [2000, 2000]

line = socket.socket(socket.AF_UNIX)
line.connect("json")
line.settimeout(30)
talk = line.makefile("rw", newline="\n")
def say(text):
    talk.write(text + "\n"); talk.flush()
    return json.loads(talk.readline())
assert say(json.dumps(call("core.prints", "x")))["result"] == "x"
assert say("nonsense")["error"]["code"] == -32700
talk.write(json.dumps({"jsonrpc": "2.0", "method": "core.prints", "params": ["silent"]}) + "\n\n")
talk.write(json.dumps(call("core.prints", "1")) + "\n" + json.dumps(call("usrloc.dump")) + "\n")
talk.flush()
assert json.loads(talk.readline())["result"] == "1"
assert len(json.loads(talk.readline())["result"]) == 2000
print("done")
"#;

#[test]
fn python_calls_methods_over_http_and_a_unix_socket_with_replies_of_any_length() {
    let json = json("");
    let said = json.lab.python(PYTHON, &[&json.port.to_string()]);
    assert_eq!(said, "done\n");
    json.lab.sip_goes_on();
}

#[test]
fn what_is_no_http_is_refused_and_closed() {
    let json = json("modparam(\"jsonrpc\", \"max_request\", 1000)");
    for (text, status) in [
        ("hello there\r\n\r\n", "400"),
        ("POST /rpc HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", "413"),
        (
            "POST /rpc HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        (
            "POST /rpc HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
            "413",
        ),
        (&format!("GET /{}", "x".repeat(20_000)), "431"),
        (&"\u{1}\u{a1}".repeat(500), "400"),
    ] {
        let answer = json.raw(text);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{text}: {answer}"
        );
    }
    let mut line = UnixStream::connect(json.lab.path("json")).expect("it listens");
    line.write_all(&[b'x'; 2000]).expect("sent");
    let mut answer = String::new();
    line.read_to_string(&mut answer).expect("an end");
    assert!(answer.contains("Request too long"), "{answer}");
    json.lab.sip_goes_on();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let json = json("");
    let request = |id: u32, close: &str| {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[\"x\"],\"id\":{id}}}"
        );
        format!(
            "POST /rpc HTTP/1.1\r\n{close}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut text: String = (0..50).map(|id| request(id, "")).collect();
    text += &request(50, "Connection: close\r\n");
    let answer = json.raw(&text);
    let ids: Vec<&str> = answer
        .split("\"id\":")
        .skip(1)
        .map(|t| t.split('}').next().unwrap())
        .collect();
    let expected: Vec<String> = (0..=50).map(|id: u32| id.to_string()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn half_open_clients_and_a_crowd_disturb_nobody() {
    let json = json("");
    let open = |_| TcpStream::connect(("127.0.0.1", json.port)).expect("it listens");
    let mut silent: Vec<TcpStream> = (0..200).map(open).collect();
    for socket in &mut silent {
        socket
            .write_all(b"POST /rpc HTTP/1.1\r\nContent-Le")
            .expect("sent");
    }
    json.lab.sip_goes_on();
    let call = "-d '{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[\"x\"],\"id\":1}'";
    assert!(json.curl(call).contains("\"result\":\"x\""));
    for socket in &mut silent {
        let body = "{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[\"y\"],\"id\":1}";
        let rest = format!("ngth: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        socket.write_all(rest.as_bytes()).expect("sent");
    }
    for socket in &mut silent {
        socket
            .set_read_timeout(Some(crate::common::PATIENCE))
            .expect("a timeout");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains("\"result\":\"y\""), "{answer}");
    }
}

#[test]
fn addresses_that_cannot_be_are_refused_at_the_start() {
    for (param, text) in [
        ("\"listen\", \"nowhere\"", "bad address nowhere"),
        ("\"listen\", \"\"", "an address is expected"),
        (
            "\"socket\", \"/nowhere/at/all\"",
            "cannot listen on /nowhere/at/all",
        ),
        ("\"max_request\", 5", "256 bytes to 64 MiB"),
        ("\"mode\", -1", "not a mode"),
    ] {
        let load = crate::common::load(&["jsonrpc"]);
        let config = format!("{load}modparam(\"jsonrpc\", {param})\nroute {{ drop; }}\n");
        let output = crate::common::Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{param}: {said}");
    }
}

#[test]
fn clients_that_read_nothing_hold_nobody() {
    let json = json("");
    let mut ctl = UnixStream::connect(json.lab.path("ctl")).expect("ctl listens");
    fill(&mut ctl, 2000);
    let dump = "{\"jsonrpc\":\"2.0\",\"method\":\"usrloc.dump\",\"id\":1}";
    let post = format!(
        "POST /rpc HTTP/1.1\r\nContent-Length: {}\r\n\r\n{dump}",
        dump.len()
    );
    let mut web = TcpStream::connect(("127.0.0.1", json.port)).expect("it listens");
    web.write_all(post.repeat(50).as_bytes()).expect("sent");
    let mut line = UnixStream::connect(json.lab.path("json")).expect("it listens");
    line.write_all(format!("{dump}\n").repeat(50).as_bytes())
        .expect("sent");
    let call = "-d '{\"jsonrpc\":\"2.0\",\"method\":\"core.prints\",\"params\":[\"x\"],\"id\":1}'";
    assert!(json.curl(call).contains("\"result\":\"x\""));
    json.lab.sip_goes_on();
}
