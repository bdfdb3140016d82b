"""User-space instructions of one transaction, counted by valgrind --tool=callgrind.

The server runs without fork, so one process receives. Two runs differ only in the number of requests; the
difference of their counts holds no start and no end."""
import glob
import os
import re
import shutil

from load import Load
from servers import Server

SHORT, LONG = 1000, 6000
SLOW = ("--window", 16, "--timeout", 60000)


def instructions(name, scenario, release, cores, aors, keep=None):
    """Per transaction. `keep`: folder for the long run's profile."""
    counts = [_run(name, scenario, release, cores, aors, requests, keep) for requests in (SHORT, LONG)]
    return (counts[1] - counts[0]) / (LONG - SHORT)


def _run(name, scenario, release, cores, aors, requests, keep):
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=callgrind.%p"]
    with Server(name, scenario, release, cores.server, fork=False, prefix=tool) as server:
        load = Load(server, cores.generator, aors)
        if scenario == "register":
            load.warm_up(*SLOW)
        report = load.run("--count", requests, *SLOW)
        if report["ok"] != requests:
            raise SystemExit(f"{name}, {scenario}: {requests - report['ok']} requests lost under valgrind")
        main = server.process.pid
        server.stop()
        profile = os.path.join(server.dir.name, f"callgrind.{main}")
        if keep and requests == LONG:
            shutil.copy(profile, os.path.join(keep, f"callgrind.{name}.{scenario}"))
        return total(profile)


def total(profile):
    """Instructions in a profile and its parts."""
    count = 0
    for part in glob.glob(profile + "*"):
        with open(part, encoding="latin-1") as text:
            count += sum(int(n) for n in re.findall(r"^totals: (\d+)", text.read(), re.M))
    return count
