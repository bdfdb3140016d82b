#!/usr/bin/env python3
"""Calls completed a second when one, two and three times as many come as can be served; prints Markdown. Started by
scripts/goodput, which builds and installs what is needed. Everything stays on 127.0.0.1; nothing that it starts is left.

Each server has four children and waits 20 ms for each INVITE, as for a database, so 200 calls a second are its capacity
whatever the machine. Both ends are sipp, which repeats what is not answered as a phone does (RFC 3261 timers A and E).
With --compute US ours alone, on one core: it computes for so many microseconds for each INVITE instead, and what it can
serve is taken from its CPU time for a call under a light load.
"""
import argparse
import csv
import os
import subprocess
import tempfile
import time

from servers import address, end, free_ports
import procfs

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CHILDREN, WAIT = 4, 0.02
CAPACITY = int(CHILDREN / WAIT)
WARM_UP = 5  # s that do not count
CONFIGS = {
    "ser": """listen=udp:{address}
children={children}
debug=0
log_stderror=yes
dns=no
rev_dns=no
loadmodule "{modules}/libsl.so"
loadmodule "{modules}/libtm.so"
loadmodule "{modules}/librr.so"
loadmodule "{modules}/libtestmod.so"
route {{
    if (loose_route()) {{ t_relay(); break; }}
    record_route();
    {work};
    t_relay();
}}
""",
    "kamailio": """listen=udp:{address}
children={children}
debug=0
log_stderror=yes
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "cfgutils.so"
request_route {{
    if (loose_route()) {{ t_relay(); exit; }}
    record_route();
    {work};
    t_relay();
}}
""",
}
HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
"""
CALLER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
INVITE sip:callee@{callee} SIP/2.0
""" + HEAD + """To: <sip:callee@{callee}>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="503" optional="true" next="refused"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
[routes]
""" + HEAD + """[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
[routes]
""" + HEAD + """[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="200" counter="done" next="end"/>
  <label id="refused"/>
  <send><![CDATA[
ACK sip:callee@{callee} SIP/2.0
[last_Via:]
From: <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <label id="end"/>
</scenario>
"""


class Running:
    """A program that ends with the block, with all that it has forked."""

    def __init__(self, command, folder, port=None, patience=10):
        self.patience = patience  # s, for its end
        self.log = open(os.path.join(folder, os.path.basename(command[0]) + ".log"), "w")
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)
        limit = time.monotonic() + 10
        while port and not procfs.is_bound(port):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"{command[0]} does not start: see {self.log.name}")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pids = procfs.family(self.process.pid) if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            for pid in pids:
                end(pid)
            self.process.wait()
        self.log.close()


class Case:
    """A server, what it does for each INVITE, and the cores of both sides; None: any."""

    def __init__(self, name, work, release, cores=(None, None)):
        self.name, self.work, self.release, self.cores = name, work, release, cores

    def pinned(self, side, command):
        core = self.cores[side]
        return command if core is None else ["taskset", "-c", str(core), *command]

    def server(self, port, folder):
        text = CONFIGS[self.name].format(address=address(port), children=CHILDREN, modules=self.release, work=self.work)
        path = os.path.join(folder, "server.cfg")
        with open(path, "w") as config:
            config.write(text)
        if self.name == "kamailio":
            command = ["kamailio", "-f", path, "-DD", "-E", "-m", "1024", "-Y", folder,
                       "-P", os.path.join(folder, "pid")]
        else:
            command = [os.path.join(self.release, "ser"), "-f", path, "-D", "-D", "-E"]
        return Running(self.pinned(0, command), folder, port)

    def offer(self, rate, seconds):
        """Calls completed a second once it has begun, and the server's CPU time for each in s."""
        port, caller, callee = free_ports(3)
        with tempfile.TemporaryDirectory(prefix="goodput-") as folder:
            scenario = os.path.join(folder, "caller.xml")
            with open(scenario, "w") as text:
                text.write(CALLER.format(callee=address(callee)))
            answerer = ["sipp", "-sf", os.path.join(ROOT, "tests", "sipp", "callee.xml"), "-i", "127.0.0.1",
                        "-p", str(callee), "-nostdin"]
            stats = os.path.join(folder, "stats.csv")
            load = ["sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", str(caller), "-rsa", address(port),
                    address(callee), "-r", str(rate), "-l", "1000000", "-nostdin", "-trace_stat", "-stf", stats,
                    "-fd", "1"]
            with self.server(port, folder) as server, Running(self.pinned(1, answerer), folder, callee):
                time.sleep(0.5)
                with Running(self.pinned(1, load), folder, patience=0):
                    time.sleep(WARM_UP)
                    pids = procfs.family(server.process.pid)
                    before = procfs.usage(pids).cpu
                    time.sleep(seconds)
                    used = procfs.usage(pids).cpu - before
            done = rate_of(stats, seconds)
            return done, used / 1e9 / seconds / done if done else None


def rate_of(path, seconds):
    with open(path) as text:
        rows = list(csv.DictReader(text, delimiter=";"))
    # One row a second from the start on.
    moments = [(clock(row["ElapsedTime(C)"]), int(row["done(C)"])) for row in rows]
    begin = next(moment for moment in moments if moment[0] >= WARM_UP)
    last = next((moment for moment in moments if moment[0] >= WARM_UP + seconds - 1), moments[-1])
    return (last[1] - begin[1]) / (last[0] - begin[0])


def clock(text):
    """Seconds of HH:MM:SS, with whatever sipp writes behind them."""
    hours, minutes, rest = text.split(":")[:3]
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def waiting(args):
    """The table for servers that wait."""
    works = {"ser": f'test_sleep("{int(WAIT * 1e3)}")', "kamailio": f'usleep("{int(WAIT * 1e6)}")'}
    cases = [Case(name, work, args.release) for name, work in works.items()]
    print(f"\nCalls completed a second; capacity {CAPACITY}, {CHILDREN} children, {args.seconds} s each:\n")
    table(cases, CAPACITY, args.seconds)


def computing(args):
    """The same for ours when it computes."""
    cores = sorted(os.sched_getaffinity(0))
    case = Case("ser", f'test_burn("{args.compute}")', args.release, (cores[-1], cores[0]))
    light = max(20, int(1e6 / (args.compute + 100) / 4))
    _, each = case.offer(light, args.seconds)
    capacity = int(1 / each)
    print(f"\nCalls completed a second; {each * 1e6:.0f} us of one core for a call: capacity {capacity}, {args.seconds} s each:\n")
    table([case], capacity, args.seconds)


def table(cases, capacity, seconds):
    print("| offered |" + "".join(f" {case.name} |" for case in cases))
    print("|---:|" + "---:|" * len(cases))
    for times in (1, 2, 3):
        done = [case.offer(times * capacity, seconds)[0] for case in cases]
        cells = "".join(f" {one:.0f} ({one / capacity:.0%}) |" for one in done)
        print(f"| {times}x: {times * capacity} |{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/goodput", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="length of each run (30)")
    parser.add_argument("--compute", type=int, metavar="US", help="compute instead of waiting")
    parser.add_argument("--release", default=os.path.join(ROOT, "target", "release"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.compute is None:
        waiting(args)
    else:
        computing(args)


if __name__ == "__main__":
    main()
