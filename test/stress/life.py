#!/usr/bin/env python3
"""The heap at the edges of a process's life: first and last use, children, setuid, deny-list, bad options, loading late.

life.py --life PROGRAM [--only TEXT]
Exit status: 0 all as promised, 1 not, 2 usage. The setuid case needs root; without it that case fails, it is not skipped.
"""
import argparse
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import preload  # noqa: E402


def run(command, env, **more):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, text=True, **more)


def expect(done, out, err="", status=0):
    if (done.returncode, done.stdout, done.stderr) != (status, out, err):
        return f"status {done.returncode}, stdout {done.stdout!r}, stderr {done.stderr!r}"
    return ""


def lifetime(life):
    return expect(run([life, "lifetime"], preload.environment()), "after the destructors\n")


def children(life):
    return expect(run([life, "children"], preload.environment()), "")


def served(life):
    return (expect(run([life, "where"], preload.environment()), "loam\n")
            or expect(run([life, "where"], preload.plain_environment()), "other\n"))


def denied(life):
    name = pathlib.Path(life).name
    for options, owner in ((f"deny={name}", "other"), (f"deny=first,{name},last", "other"), ("deny=another", "loam"),
                           (f"deny={name}x", "loam"), (f"deny={name[:-1]}", "loam")):
        wrong = expect(run([life, "where"], preload.environment(options)), owner + "\n")
        if wrong:
            return f"{options}: {wrong}"
    return expect(run([life, "children"], preload.environment(f"deny={name}")), "")


def bad_options(life):
    for options in ("no_such_key=1", "source=tape", "purge_delay_ms=soon", "=", "source"):
        done = run([life, "where"], preload.environment(options))
        if done.returncode != 0 or not done.stderr.startswith("loam: LOAM_OPTIONS: ") or done.stderr.count("\n") != 1:
            return f"{options}: status {done.returncode}, said {done.stderr!r}"
    return ""


def setuid_ignores_environment(life):
    """The loader drops LD_PRELOAD for a setuid program, so the probe is linked with the library; LOAM_OPTIONS must not count."""
    if os.geteuid() != 0:
        return "not run: it takes root to make a setuid program"
    with tempfile.TemporaryDirectory(prefix="loam-setuid-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        target = pathlib.Path(folder) / "libloam.so.0"
        shutil.copy(preload.library(), target)
        probe = pathlib.Path(folder) / "probe"
        source = pathlib.Path(folder) / "probe.c"
        source.write_text('#include <stdlib.h>\n#include <sys/auxv.h>\n'
                          'int main(void) { char *volatile p = malloc(48); p[0] = 1; free(p); return getauxval(AT_SECURE) ? 0 : 9; }\n')
        built = run(["cc", source, "-o", probe, "-Wl,--no-as-needed", target, f"-Wl,-rpath,{folder}"], preload.plain_environment())
        if built.returncode != 0:
            return f"can't build the probe: {built.stderr}"
        env = preload.plain_environment()
        env["LOAM_OPTIONS"] = "no_such_key=1"
        aloud = run([probe], env)
        if not aloud.stderr.startswith("loam: LOAM_OPTIONS: ") or aloud.returncode != 9:
            return f"the probe doesn't run on the library: status {aloud.returncode}, said {aloud.stderr!r}"
        os.chmod(probe, 0o4755)
        nobody = pwd.getpwnam("nobody")
        return expect(run([probe], env, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]), "")


CASES = {"lifetime": lifetime, "children": children, "served": served, "denied": denied, "bad_options": bad_options,
         "setuid": setuid_ignores_environment}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--life", required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    failures = total = 0
    for name, case in CASES.items():
        if options.only not in name:
            continue
        total += 1
        try:
            wrong = case(options.life)
        except subprocess.TimeoutExpired:
            wrong = "hangs"
        print(f"{'FAIL' if wrong else 'ok':5} {name}{': ' + wrong if wrong else ''}")
        failures += bool(wrong)
    return 0 if failures == 0 and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
