"""The measurements and their medians."""
from collections import namedtuple
from statistics import median

import procfs
from load import Load
from servers import Server

# Per transaction, or per call: cpu, user, system in µs. rate: transactions a second. p50, p99 in µs, of calls the set-up (INVITE
# to 200). pss in MiB.
# switches: context switches of the server per datagram that it receives.
Result = namedtuple("Result", "cpu user system rate p50 p99 pss switches lost")


# How many datagrams the server receives in a transaction, or in a call.
DATAGRAMS = {"options": 1, "register": 1, "forward": 2, "call": 6}


def once(name, scenario, release, plan, rate=None):
    """One run on a fresh server: pinned and in a closed loop, or free and at a fixed rate."""
    pinned = rate is None
    core, children = (plan.cores.server, 1) if pinned else (None, plan.children)
    with Server(name, scenario, release, core, children) as server:
        load = Load(server, plan.cores.generator, plan.aors)
        load.warm_up("--window", plan.window)
        pace = ("--window", plan.window) if pinned else ("--rate", rate)
        return loaded(server, load, pace, plan.seconds)


def loaded(server, load, pace, seconds):
    """What a server uses while it is loaded for so long."""
    pids = server.pids()
    before = procfs.usage(pids)
    report = load.run(*pace, "--seconds", seconds)
    used = procfs.between(before, procfs.usage(pids))
    return result(report, used, procfs.pss(pids), server.scenario)


def result(report, used, pss, scenario):
    """Per transaction, from the sums of a run."""
    done = report["ok"]
    cpu = used.cpu / done / 1000
    ticks = max(used.user + used.system, 1)
    return Result(cpu, cpu * used.user / ticks, cpu * used.system / ticks, report["rate"], report["p50"],
                  report["p99"], pss / 1024, used.switches / done / DATAGRAMS[scenario], report["lost"])


def medians(results):
    """Column by column; what was lost is added up."""
    columns = {field: median(getattr(one, field) for one in results) for field in Result._fields}
    columns["lost"] = sum(one.lost for one in results)
    return Result(**columns)


def all_of(names, scenario, release, plan, rates=None):
    """Medians for each server. The servers take turns, so that a slow minute of the machine hits all of them."""
    runs = {name: [] for name in names}
    for _ in range(plan.repetitions):
        for name in names:
            runs[name].append(once(name, scenario, release, plan, rates and rates[name]))
    return {name: medians(results) for name, results in runs.items()}
