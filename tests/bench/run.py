#!/usr/bin/env python3
"""Measures ser against kamailio and the echo floor; prints Markdown. Started by scripts/bench, which builds and
installs what is needed. Everything stays on 127.0.0.1; nothing that it starts is left."""
import argparse
import os
import platform
import sys
from collections import namedtuple

import callgrind
import measure
import table
from servers import NAMES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCENARIOS = ("options", "forward", "register")

Cores = namedtuple("Cores", "server generator")
Plan = namedtuple("Plan", "repetitions seconds window aors children cores")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each instead of the median of five")
    parser.add_argument("--instructions", action="store_true",
                        help="count user-space instructions with callgrind instead of measuring time")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="only this one; may be repeated")
    parser.add_argument("--server", choices=NAMES, action="append", help="only this one; may be repeated")
    parser.add_argument("--profiles", metavar="FOLDER", help="with --instructions: keep callgrind's profiles there")
    parser.add_argument("--release", default=os.path.join(ROOT, "target", "release"), help=argparse.SUPPRESS)
    return parser.parse_args()


def plan(quick):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("two cores are needed: one for the server, one for the generator")
    repetitions, seconds = (1, 1) if quick else (5, 3)
    return Plan(repetitions, seconds, 64, 100_000, min(4, len(cores)), Cores(cores[-1], cores[-2]))


def machine():
    with open("/proc/cpuinfo") as text:
        model = next((l.split(":")[1].strip() for l in text if l.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def measure_time(names, scenarios, release, the_plan):
    pinned, free = [], []
    for scenario in scenarios:
        print(f"measuring {scenario} ...", file=sys.stderr)
        results = measure.all_of(names, scenario, release, the_plan)
        pinned += table.rows(scenario, results)
        rates = {name: max(1, int(one.rate / 2)) for name, one in results.items()}
        free += table.rows(scenario, measure.all_of(names, scenario, release, the_plan, rates))
    p = the_plan
    print(f"\n{machine()}; medians of {p.repetitions} runs of {p.seconds} s, {p.aors:,} addresses of record\n")
    print(f"Pinned, one receiver, closed loop with {p.window} transactions under way:\n")
    print(table.markdown(table.HEAD, pinned, 2))
    print(f"\nNot pinned, {p.children} receivers (floor: 1), at half of the rate above:\n")
    print(table.markdown(table.HEAD, free, 2))


def count_instructions(names, scenarios, release, the_plan, profiles):
    body = []
    for scenario in scenarios:
        row = [scenario]
        for name in names:
            print(f"counting {scenario} of {name} ...", file=sys.stderr)
            row.append(f"{callgrind.instructions(name, scenario, release, the_plan.cores, the_plan.aors, profiles):,.0f}")
        body.append(row)
    print(f"\nUser-space instructions per transaction (callgrind, one receiver; {machine()}):\n")
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


if __name__ == "__main__":
    main()
