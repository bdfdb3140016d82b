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
import time

import procfs
from servers import Server, address

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SIPP = os.path.join(ROOT, "tests", "sipp")
CHILDREN, WAIT = 4, 0.02
CAPACITY = int(CHILDREN / WAIT)
WARM_UP = 5  # s that do not count


class Sipp:
    """One end of the calls; it ends with the block, whatever is open."""

    def __init__(self, scenario, port, folder, core, *options):
        pin = [] if core is None else ["taskset", "-c", str(core)]
        command = [*pin, "sipp", "-sf", os.path.join(SIPP, scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin",
                   *options]
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Case:
    """A server, what it does for each INVITE, and the cores of both sides; None: any."""

    def __init__(self, name, work, release, cores=(None, None)):
        self.name, self.work, self.release, self.cores = name, work, release, cores

    def offer(self, rate, seconds):
        """Calls completed a second once it has begun, and the server's CPU time for each in s."""
        core, core_of_sipp = self.cores
        with Server(self.name, "work", self.release, core, CHILDREN, marks={"@WORK@": self.work}) as server:
            folder = server.dir.name
            stats = os.path.join(folder, "stats.csv")
            load = ["-rsa", address(server.port), "-key", "callee", address(server.callee), "-r", str(rate),
                    "-l", "1000000", "-trace_stat", "-stf", stats, "-fd", "1", address(server.callee)]
            with Sipp("callee.xml", server.callee, folder, core_of_sipp):
                time.sleep(0.5)
                with Sipp("goodput/caller.xml", server.caller, folder, core_of_sipp, *load):
                    time.sleep(WARM_UP)
                    pids = server.pids()
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
