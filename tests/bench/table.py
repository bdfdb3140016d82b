"""The result as Markdown."""

HEAD = ("scenario", "server", "CPU µs", "user", "sys", "per s", "p50 µs", "p99 µs", "PSS MiB", "switches",
        "lost", "× floor", "× kamailio")


def rows(scenario, results):
    """A row for each server."""
    for name, one in results.items():
        yield (scenario, name, f"{one.cpu:.2f}", f"{one.user:.2f}", f"{one.system:.2f}", f"{one.rate:,.0f}",
               f"{one.p50:.0f}", f"{one.p99:.0f}", f"{one.pss:.1f}", f"{one.switches:.3f}", str(one.lost),
               ratio(results, name, "floor"), ratio(results, name, "kamailio"))


LIVE_HEAD = ("ringing", "server", "CPU µs", "user", "sys", "per s", "p50 µs", "p99 µs", "shm B each", "PSS B each",
             "lost", "× kamailio")


def live_rows(live, results):
    """A row for each server beside so many ringing calls."""
    calls = {name: one.result for name, one in results.items()}
    for name, one in results.items():
        call, shm = one.result, "" if one.shm is None else f"{one.shm:,.0f}"
        yield (f"{live:,}", name, f"{call.cpu:.2f}", f"{call.user:.2f}", f"{call.system:.2f}", f"{call.rate:,.0f}",
               f"{call.p50:.0f}", f"{call.p99:.0f}", shm, f"{one.pss:,.0f}", str(call.lost),
               ratio(calls, name, "kamailio"))


def ratio(results, name, other):
    """CPU against that of the other; empty for itself and for what was not measured."""
    if other not in results or name == other or name == "floor":
        return ""
    return f"{results[name].cpu / results[other].cpu:.2f}"


def markdown(head, body, names=1):
    """A table whose source is aligned; the first columns are names, the others numbers."""
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(c.ljust(w) if i < names else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(cells, widths))) + " |"

    rule = "|".join("-" * (w + 2) if i < names else "-" * (w + 1) + ":" for i, w in enumerate(widths))
    return "\n".join([line(head), f"|{rule}|", *map(line, body)])
