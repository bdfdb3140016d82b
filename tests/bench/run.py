#!/usr/bin/env python3
"""Measures ser against kamailio and the echo floor; prints Markdown. Started by scripts/bench, which builds and
installs what is needed. Everything stays on 127.0.0.1; nothing that it starts is left."""
import argparse
import os
import platform
import sys
from collections import namedtuple

import callgrind
import live
import measure
import table
from servers import NAMES, missing_module

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCENARIOS = ("options", "forward", "register", "call")

Cores = namedtuple("Cores", "server generator")
Plan = namedtuple("Plan", "repetitions seconds window aors children cores")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each instead of the median of five")
    parser.add_argument("--instructions", action="store_true",
                        help="count user-space instructions with callgrind instead of measuring time")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="only this one; may be repeated")
    parser.add_argument("--server", choices=NAMES, action="append", help="only this one; may be repeated")
    parser.add_argument("--live", type=int, action="append", metavar="N", default=None,
                        help="call: measure beside so many ringing calls (0: not at all); may be repeated; "
                             "default " + ", ".join(map(str, live.LIVE)))
    parser.add_argument("--profiles", metavar="FOLDER", help="with --instructions: keep callgrind's profiles there")
    parser.add_argument("--release", default=os.path.join(ROOT, "target", "release"), help=argparse.SUPPRESS)
    return parser.parse_args()


def plan(quick):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("two cores are needed: one for the server, one for the generator")
    repetitions, seconds = (1, 1) if quick else (5, 3)
    return Plan(repetitions, seconds, 64, 100_000, 4, Cores(cores[-1], cores[-2]))


def machine():
    with open("/proc/cpuinfo") as text:
        model = next((l.split(":")[1].strip() for l in text if l.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def able_to(scenario, names, release):
    """Without ser when a module that its config loads is not built."""
    missing = missing_module(scenario, release) if "ser" in names else None
    if missing:
        print(f"{scenario}: without ser, {missing} is not there", file=sys.stderr)
    return [name for name in names if name != "ser" or not missing]


def measure_time(names, scenarios, release, the_plan):
    pinned, free = [], []
    for scenario in scenarios:
        print(f"measuring {scenario} ...", file=sys.stderr)
        able = able_to(scenario, names, release)
        results = measure.all_of(able, scenario, release, the_plan)
        pinned += table.rows(scenario, results)
        rates = {name: max(1, int(one.rate / 2)) for name, one in results.items()}
        free += table.rows(scenario, measure.all_of(able, scenario, release, the_plan, rates))
    p = the_plan
    print(f"\n{machine()}; medians of {p.repetitions} runs of {p.seconds} s, {p.aors:,} addresses of record\n")
    print(f"Pinned, one receiver, closed loop with {p.window} transactions under way:\n")
    print(table.markdown(table.HEAD, pinned, 2))
    print(f"\nNot pinned, {p.children} receivers (floor: 1), at half of the rate above:\n")
    print(table.markdown(table.HEAD, free, 2))


def measure_live(names, ringing, release, the_plan):
    body = []
    for number in ringing:
        print(f"measuring call beside {number:,} ...", file=sys.stderr)
        body += table.live_rows(number, live.all_of(names, number, release, the_plan))
    print(f"\nPinned, one receiver, calls beside others that ring; finished transactions stay {live.WAIT} ms:\n")
    print(table.markdown(table.LIVE_HEAD, body, 2))


def count_instructions(names, scenarios, release, the_plan, profiles):
    body = []
    for scenario in scenarios:
        row = dict.fromkeys(names, "")
        for name in able_to(scenario, names, release):
            print(f"counting {scenario} of {name} ...", file=sys.stderr)
            count = callgrind.instructions(name, scenario, release, the_plan.cores, the_plan.aors, profiles)
            row[name] = f"{count:,.0f}"
        body.append([scenario, *row.values()])
    print(f"\nUser-space instructions per transaction or call (callgrind, one receiver; {machine()}):\n")
    print(table.markdown(["scenario", *names], body))


def main():
    args = arguments()
    scenarios, names = args.scenario or SCENARIOS, args.server or NAMES
    the_plan = plan(args.quick)
    if args.instructions:
        names = [name for name in names if name != "floor"]
        if args.quick:
            the_plan = the_plan._replace(aors=1000)
        count_instructions(names, scenarios, args.release, the_plan, args.profiles)
    else:
        measure_time(names, scenarios, args.release, the_plan)
        ringing = live.LIVE if args.live is None else [number for number in args.live if number > 0]
        servers = [name for name in able_to("call", names, args.release) if name != "floor"]
        if "call" in scenarios and ringing and servers:
            measure_live(servers, ringing, args.release, the_plan)


if __name__ == "__main__":
    main()
