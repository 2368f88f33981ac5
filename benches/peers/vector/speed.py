#!/usr/bin/env python3
"""Queries a second of CPU time beside hnswlib and SymphonyQG, one thread, interleaved: speed.py DATA_FOLDER NAME [--rounds 7]

    pip install numpy hnswlib==0.8.0 rabitqlib==0.7.1 && cargo build --release && ./prepare.py MNIST DATA && ./speed.py DATA mnist

hnswlib is compiled by pip on this machine with -march=native; rabitqlib's wheel chooses its kernels at run time. M 16 (degree 32 for codes in the
node), ef_construction 100, k 10, 1,000 queries. Indexes are built once and kept in the data folder, each with the CPU seconds that it took.
In every round each contender answers all queries at each ef. Recall is by ids against the exact answer; queries a second at a recall are interpolated
between the two nearest points, on a logarithmic scale: of each contender's best times, of its medians, and of each round by itself. The median of the
rounds' ratios is what counts on a machine with other work: what disturbs a round disturbs all who are in it.
"""
import argparse, math, os, statistics, subprocess, tempfile, time
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
import numpy as np
import hnswlib, rabitqlib

K, M, EF_CONSTRUCTION = 10, 16, 100
RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "target/release/dolmen-peers-vector")

def read(path):
    rows, dim = np.fromfile(path, dtype="<u4", count=2)
    return np.fromfile(path, dtype="<f4", offset=8).reshape(rows, dim)

def exact(base, queries):
    """By f32 products, the last places settled in f64."""
    norms = (base.astype(np.float64) ** 2).sum(1)
    found = []
    for part in range(0, len(queries), 100):
        chunk = queries[part:part + 100]
        near = np.argpartition(norms - 2.0 * (chunk @ base.T), 4 * K, axis=1)[:, :4 * K]
        for query, ids in zip(chunk.astype(np.float64), near):
            apart = ((base[ids].astype(np.float64) - query) ** 2).sum(1)
            found.append(ids[np.argsort(apart)[:K]])
    return np.array(found)

class Dolmen:
    def __init__(self, form, folder, name, metric):
        self.name, self.efs = f"dolmen {form}", [10, 12, 16, 20, 26, 34, 44, 60, 80, 120]
        index, note = f"{folder}/{name}-{form}.dvx", f"{folder}/{name}-{form}.txt"
        if not os.path.exists(note):
            words = [RUNNER, "build", f"{folder}/{name}-base.fbin", metric, form, str(EF_CONSTRUCTION), index]
            open(note, "w").write(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        self.built = open(note).read().strip()
        words = [RUNNER, "serve", index, f"{folder}/{name}-q1000.fbin", str(K)]
        self.worker = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ids = tempfile.NamedTemporaryFile()

    def run(self, queries, ef):
        self.worker.stdin.write(f"{ef} {self.ids.name}\n")
        self.worker.stdin.flush()
        seconds = float(self.worker.stdout.readline())
        return seconds, np.fromfile(self.ids.name, dtype="<i4").reshape(-1, K)

def timed(call):
    start = time.process_time()
    found = call()
    return time.process_time() - start, found

def built(note, make):
    if not os.path.exists(note):
        seconds, _ = timed(make)
        open(note, "w").write(f"{seconds:.2f} CPU seconds")
    return open(note).read()

class Hnswlib:
    name, efs = "hnswlib", [10, 14, 20, 28, 40, 56, 80, 120]

    def __init__(self, folder, name, metric, base):
        space = "l2" if metric == "l2" else "ip"
        path = f"{folder}/{name}-hnswlib.bin"
        def make():
            index = hnswlib.Index(space, base.shape[1])
            index.init_index(len(base), M=M, ef_construction=EF_CONSTRUCTION)
            index.add_items(base, num_threads=1)
            index.save_index(path)
        self.built = built(path + ".txt", make)
        self.index = hnswlib.Index(space, base.shape[1])
        self.index.load_index(path)
        self.index.set_num_threads(1)

    def run(self, queries, ef):
        self.index.set_ef(ef)
        seconds, (ids, _) = timed(lambda: self.index.knn_query(queries, k=K, num_threads=1))
        return seconds, ids.astype(np.int64)

class SymphonyQG:
    name, efs = "SymphonyQG", [10, 14, 20, 28, 40, 56, 80, 120, 200]

    def __init__(self, folder, name, metric, base):
        path = f"{folder}/{name}-symqg.bin"
        space = "l2" if metric == "l2" else "ip"
        def make():
            index = rabitqlib.SymqgIndex(base.shape[1], 2 * M, space, 0)
            index.build(base, EF_CONSTRUCTION, num_threads=1, init="pipnn")
            index.save(path)
        self.built = built(path + ".txt", make)
        if hasattr(rabitqlib.SymqgIndex, "load") and os.path.exists(path):
            self.index = rabitqlib.SymqgIndex.load(path)

    def run(self, queries, ef):
        seconds, (ids, _) = timed(lambda: self.index.search_batch(queries, K, ef, num_threads=1))
        return seconds, ids.astype(np.int64)

def at(points, wanted):
    """Queries a second at a recall, from (recall, qps) by ef."""
    points = sorted(points)
    for (low, slow), (high, fast) in zip(points, points[1:]):
        if low <= wanted <= high:
            share = (wanted - low) / (high - low) if high > low else 1.0
            return math.exp(math.log(slow) + share * (math.log(fast) - math.log(slow)))
    return points[0][1] if wanted < points[0][0] else math.nan

def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder")
    options.add_argument("name")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--metric", default="l2")
    given = options.parse_args()
    folder, name = given.folder, given.name
    base, queries = read(f"{folder}/{name}-base.fbin"), read(f"{folder}/{name}-q1000.fbin")
    truth = exact(base, queries)
    contenders = [Hnswlib(folder, name, given.metric, base), Dolmen("f32", folder, name, given.metric),
                  SymphonyQG(folder, name, given.metric, base), Dolmen("qg", folder, name, given.metric)]
    for one in contenders:
        print(f"{one.name:12} {one.built}", flush=True)
    times, recalls = {}, {}
    for turn in range(given.rounds):
        for one in contenders:
            for ef in one.efs:
                seconds, ids = one.run(queries, ef)
                times.setdefault((one.name, ef), []).append(seconds / len(queries))
                if turn == 0:
                    recalls[one.name, ef] = sum(len(set(a) & set(b)) for a, b in zip(ids, truth)) / truth.size
    found = {}
    for one in contenders:
        print(f"\n{one.name}\n    ef  recall      best    median")
        for ef in one.efs:
            each = times[one.name, ef]
            print(f"{ef:6} {recalls[one.name, ef]:7.4f} {1 / min(each):9.0f} {1 / statistics.median(each):9.0f}")
        for wanted in (0.90, 0.95, 0.99):
            for how in (min, statistics.median):
                points = [(recalls[one.name, ef], 1 / how(times[one.name, ef])) for ef in one.efs]
                found[one.name, wanted, how] = at(points, wanted)
    def in_round(one, wanted, turn):
        return at([(recalls[one.name, ef], 1 / times[one.name, ef][turn]) for ef in one.efs], wanted)
    def of_rounds(one, other, wanted):
        return statistics.median(in_round(one, wanted, turn) / in_round(other, wanted, turn) for turn in range(given.rounds))
    print("\nat recall       best, times hnswlib    median, times hnswlib    median of the rounds' ratios to hnswlib, to SymphonyQG")
    for wanted in (0.90, 0.95, 0.99):
        for one in contenders:
            cells = []
            for how in (min, statistics.median):
                qps = found[one.name, wanted, how]
                cells.append(f"{qps:9.0f} {qps / found['hnswlib', wanted, how]:6.2f}x")
            ratios = [f"{of_rounds(one, contenders[other], wanted):6.2f}x" for other in (0, 2)]
            print(f"{wanted:.2f}  {one.name:12} {cells[0]}    {cells[1]}    {ratios[0]} {ratios[1]}")

main()
