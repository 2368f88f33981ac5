#!/usr/bin/env python3
"""Servers of the Redis protocol beside each other: server CPU per command and commands per second, interleaved A B A B.

    ab.py --rounds 3 \
        --server old='./dolmen-old up --data {dir} --kv 127.0.0.1:{port} --http 127.0.0.1:{http} --sync always' \
        --server new='./dolmen up --data {dir} --kv 127.0.0.1:{port} --http 127.0.0.1:{http} --sync always' \
        --server redis='redis-server --port {port} --dir {dir} --appendonly yes --appendfsync always --save ""'

Needs redis-benchmark (Debian: redis-tools) on the PATH or by --benchmark. CPU time is the server process's own, from /proc; medians of the rounds.
Every server has an empty directory of its own and stays up for all rounds. The first one named is what the others are divided by.
Read ratios, not absolute times, and only from a quiet machine: a sync that waits, or caches that others fill, are counted too.
"""
import argparse, os, shlex, shutil, statistics, subprocess, tempfile, time

# command, connections, pipeline, requests
TESTS = [
    ("set", 50, 16, 400_000), ("set", 50, 1, 100_000), ("get", 50, 16, 600_000),
    ("get", 50, 1, 150_000), ("set", 1, 1, 20_000), ("get", 1, 1, 40_000),
]

def cpu_us(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")

def measure(server, port, benchmark, test):
    command, connections, pipeline, requests = test
    before = cpu_us(server.pid)
    words = [benchmark, "-p", str(port), "-t", command, "-c", str(connections), "-P", str(pipeline)]
    words += ["-n", str(requests), "-d", "100", "-r", "100000", "-q"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout.replace("\r", "\n")
    rates = [line for line in text.split("\n") if "requests per second" in line]
    return (cpu_us(server.pid) - before) / requests, float(rates[-1].split(":")[1].split()[0])

def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", action="append", required=True, metavar="NAME=COMMAND")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--scale", type=float, default=1.0, help="of the numbers of requests")
    options.add_argument("--benchmark", default="redis-benchmark")
    options.add_argument("--port", type=int, default=7700)
    given = options.parse_args()
    root = tempfile.mkdtemp(prefix="dolmen-ab-")
    servers, found = {}, {}
    tests = [(command, c, p, int(n * given.scale)) for command, c, p, n in TESTS]
    try:
        for at, text in enumerate(given.server):
            name, command = text.split("=", 1)
            place = os.path.join(root, name)
            os.makedirs(place)
            words = shlex.split(command.format(port=given.port + at, http=given.port + 100 + at, dir=place))
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            servers[name] = (subprocess.Popen(words, **quiet), given.port + at)
        time.sleep(2)
        for _ in range(given.rounds):
            for test in tests:
                for name, (server, port) in servers.items():
                    found.setdefault((test, name), []).append(measure(server, port, given.benchmark, test))
    finally:
        for server, _ in servers.values():
            server.terminate()
            server.wait()
        shutil.rmtree(root, ignore_errors=True)
    for test in tests:
        row, first = [f"{test[0]:4} c{test[1]:<3} P{test[2]:<3}"], None
        for name in servers:
            cpu = statistics.median(c for c, _ in found[test, name])
            rate = statistics.median(r for _, r in found[test, name])
            first = first or cpu or 1.0
            row.append(f"{name}: {cpu:7.2f} us ({cpu / first:4.2f}x) {rate:9.0f}/s")
        print("   ".join(row))

main()
