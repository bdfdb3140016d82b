#!/usr/bin/env python3
"""Runs the recorded cases against a built server, as plan.toml says.

  check.py --server target/release/ser --modules target/release [--group core] [-v]

Lines of modules that are not built are taken out of the configs; what needs them is listed as not
yet run. Cases whose messages are not part of this repository (data/sertest) run when the environment
variable CONFORMANCE_DATA names a folder that has them. Prints each failure with its diff and ends with
`N passed, N failed, N skipped`.
"""
import argparse, concurrent.futures, fnmatch, os, re, shutil, subprocess, sys, tempfile, tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_PORT = 15060
PORTS_PER_GROUP = 40


def built(modules, name):
    return os.path.exists(os.path.join(modules, "lib%s.so" % name))


def without_absent_modules(text, modules, plan):
    """The config without loadmodule/modparam lines of modules that are not built, and their names."""
    absent = sorted({m for m in re.findall(r"@MOD:([\w-]+)@", text) if not built(modules, m)})
    for name in absent:
        text = re.sub(r'(?m)^\s*loadmodule\s+"@MOD:%s@".*\n' % re.escape(name), "", text)
        text = re.sub(r'(?m)^\s*modparam\(\s*"%s"\s*,.*\n' % re.escape(name), "", text)
        for old, new in plan.get("without-" + name, {}).items():
            text = text.replace(old, new)
    return text, absent


def listed(table, case):
    for pattern, reason in table.items():
        if fnmatch.fnmatch(case, pattern):
            return reason
    return None


def read(path):
    with open(path, encoding="latin-1") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="latin-1") as f:
        f.write(text)


def copy_group(group, tmp, opt, plan):
    """Lays the group out under tmp; returns the cases to run and {case: why not}."""
    dst = os.path.join(tmp, "groups", group)
    shutil.copytree(os.path.join(HERE, "groups", group), dst)
    text, absent = without_absent_modules(read(os.path.join(dst, "ser.cfg")), opt.modules, plan)
    write(os.path.join(dst, "ser.cfg"), text)
    run, skip = [], {}
    for block in re.split(r"(?m)^(?=case:)", read(os.path.join(dst, "cases.txt")))[1:]:
        name = block.split("\n", 1)[0][5:].strip()
        case = "%s/%s" % (group, name)
        missing = [m for m in re.findall(r" file=(\S+)", block) if not os.path.exists(data_file(m))]
        why = listed(plan.get("not-yet", {}), case)
        if missing:
            skip[case] = "message %s is not in the repository" % missing[0]
        elif why and (why.split()[-1] in absent or not why.startswith("module ")):
            skip[case] = why
        else:
            run.append(name)
    return run, skip


def data_file(name):
    for root in (os.path.join(HERE, "data"), os.environ.get("CONFORMANCE_DATA", "")):
        path = os.path.join(root, name)
        if root and os.path.exists(path):
            return path
    return ""


def copy_cfgcheck(tmp, opt, plan):
    dst = os.path.join(tmp, "cfgcheck")
    os.makedirs(dst)
    run, skip = [], {}
    for name in sorted(os.listdir(os.path.join(HERE, "cfgcheck"))):
        text = read(os.path.join(HERE, "cfgcheck", name))
        absent = [m for m in re.findall(r"@MOD:([\w-]+)@", text) if not built(opt.modules, m)]
        if absent:
            skip["cfgcheck/" + name] = "module " + absent[0]
        else:
            write(os.path.join(dst, name), text)
            run.append(name)
    return run, skip


def runner(group, cases, tmp, opt, base):
    cmd = [sys.executable, os.path.join(HERE, "run.py"), "--port-base", str(base),
           "--server-cmd", "%s -D -D -E -f {cfg}" % opt.server,
           "--modpath", os.path.join(opt.modules, "lib{m}.so"), "--groups", os.path.join(tmp, "groups"),
           "--group", group, "--expect", os.path.join(HERE, "expected.json")]
    if group == "cfgcheck":
        cmd += ["--check-cmd", "%s -c -f {cfg}" % opt.server, "--start-check"]
    else:
        cmd += ["--case", ",".join(cases)]
    cmd += ["-v"] * opt.verbose
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=opt.timeout)
    return p.stdout.decode("utf-8", "replace")


def verdicts(group, out, run):
    """{case: (verdict, text)} of one run.py output."""
    found, last = {}, None
    for line in out.split("\n"):
        m = re.match(r"(ok~?|quirk|FAIL~?|NEW)\s+(\S+/[^\s:]+)", line)
        if m:
            last = m.group(2)
            found[last] = [m.group(1), [line]]
        elif last and line.startswith("   "):
            found[last][1].append(line)
        else:
            last = None
    if group == "cfgcheck" and "cfg checks ok" in out:
        for name in run:
            found.setdefault("cfgcheck/" + name, ["ok", []])
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--server", required=True)
    ap.add_argument("--modules", required=True, help="folder of libNAME.so")
    ap.add_argument("--group", action="append")
    ap.add_argument("--case", action="append", help="GROUP/NAME, with wildcards")
    ap.add_argument("--timeout", type=float, default=600)
    ap.add_argument("-v", "--verbose", action="count", default=0)
    opt = ap.parse_args()
    opt.server, opt.modules = os.path.abspath(opt.server), os.path.abspath(opt.modules)
    with open(os.path.join(HERE, "plan.toml"), "rb") as f:
        plan = tomllib.load(f)
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="conformance-") as root:
        jobs = []
        with concurrent.futures.ThreadPoolExecutor(max_workers=opt_workers()) as pool:
            for i, group in enumerate(plan["groups"]):
                if opt.group and group not in opt.group:
                    continue
                tmp = os.path.join(root, group)
                os.makedirs(os.path.join(tmp, "groups"))
                run, skip = copy_cfgcheck(tmp, opt, plan) if group == "cfgcheck" else copy_group(group, tmp, opt, plan)
                if opt.case and group != "cfgcheck":
                    run = [c for c in run if any(fnmatch.fnmatch(group + "/" + c, p) for p in opt.case)]
                base = FIRST_PORT + i * PORTS_PER_GROUP
                jobs.append((group, run, skip, pool.submit(runner, group, run, tmp, opt, base) if run else None))
        for group, run, skip, job in jobs:
            out = job.result() if job else ""
            got = verdicts(group, out, run)
            for case in ["%s/%s" % (group, c) for c in run]:
                verdict, text = got.get(case, ("FAIL", ["FAIL     %s: no verdict; the run said:" % case, out[-1500:]]))
                reason = listed(plan.get("differs", {}), case)
                if verdict.startswith("FAIL") and reason:
                    skipped += 1
                    print("differs  %s  (%s)" % (case, reason))
                elif verdict.startswith("FAIL") or verdict == "NEW":
                    failed += 1
                    print("\n".join(text))
                elif reason:
                    failed += 1
                    print("FAIL     %s is listed as differing and does not differ" % case)
                else:
                    passed += 1
                    if opt.verbose or verdict == "quirk":
                        print("%-8s %s" % (verdict, case))
            for case, why in sorted(skip.items()):
                skipped += 1
                if group != "cfgcheck":
                    print("not yet  %s  (%s)" % (case, why))
            if group == "cfgcheck" and skip:
                print("not yet  cfgcheck: %d files that load modules which are not built" % len(skip))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


def opt_workers():
    return max(2, min(4, os.cpu_count() or 2))


if __name__ == "__main__":
    sys.exit(main())
