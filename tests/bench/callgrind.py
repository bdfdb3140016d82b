"""User-space instructions of one transaction, counted by valgrind --tool=callgrind.

One process receives, and its instructions alone are counted. Two runs differ only in the number of requests; the
difference of their counts holds no start and no end."""
import os
import re
import shutil

import procfs
from load import Load
from servers import Server

SHORT, LONG = 1000, 6000
CALLEES = 1000  # registered users that are called
# No other option: a server that writes its title over its arguments writes over valgrind's. The profiles go to
# callgrind.out.PID in the folder that the server was started in.
TOOL = ("valgrind", "--tool=callgrind")
SLOW = ("--window", 16, "--timeout", 60000)


def instructions(name, scenario, release, cores, aors, keep=None):
    """Per transaction. `keep`: folder for the long run's profile."""
    counts = [_run(name, scenario, release, cores, aors, requests, keep) for requests in (SHORT, LONG)]
    return (counts[1] - counts[0]) / (LONG - SHORT)


def _run(name, scenario, release, cores, aors, requests, keep):
    if scenario == "call":
        aors = min(aors, CALLEES)
    with Server(name, scenario, release, cores.server, tool=TOOL) as server:
        load = Load(server, cores.generator, aors)
        before = {pid: procfs.usage([pid]).cpu for pid in server.pids()}
        if scenario in ("register", "call"):
            load.register(*SLOW)
        report = load.run("--count", requests, *SLOW)
        if report["ok"] != requests:
            raise SystemExit(f"{name}, {scenario}: {requests - report['ok']} requests lost under valgrind")
        receiver = max(before, key=lambda pid: procfs.usage([pid]).cpu - before[pid])
        server.stop()
        profile = os.path.join(server.dir.name, f"callgrind.out.{receiver}")
        if keep and requests == LONG:
            shutil.copy(profile, os.path.join(keep, f"callgrind.{name}.{scenario}"))
        return total(profile)


def total(profile):
    """Instructions in a profile."""
    with open(profile, encoding="latin-1") as text:
        return int(re.search(r"^totals: (\d+)", text.read(), re.M)[1])
