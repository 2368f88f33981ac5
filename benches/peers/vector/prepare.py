#!/usr/bin/env python3
"""Writes the data sets as .fbin files: prepare.py MNIST_FOLDER OUT_FOLDER

mnist    784 dimensions, squared distance: 60,000 training images; 8,000 test images to spare, 2,000 as queries
gauss    128 dimensions, squared distance: 512 clusters, each with a random subspace of 24 dimensions and noise; 50,000 + 9,000 + 2,000
sphere   100 dimensions, cosine: no clusters, a random network over a normal distribution, unit length; 50,000 + 9,000 + 2,000
"""
import gzip, os, sys
import numpy as np

def write(path, rows):
    with open(path, "wb") as to:
        np.array(rows.shape, dtype="<u4").tofile(to)
        rows.astype("<f4").tofile(to)

def images(path):
    return np.frombuffer(gzip.open(path).read(), dtype=np.uint8, offset=16).reshape(-1, 784).astype(np.float32)

def parted(folder, name, rows, spare, queries):
    order = np.random.default_rng(3).permutation(len(rows))
    end = len(rows) - spare - queries
    for part, chosen in [("base", order[:end]), ("spare", order[end:end + spare]), ("queries", order[end + spare:])]:
        write(os.path.join(folder, f"{name}-{part}.fbin"), rows[chosen])

def gauss(random, count, dim=128, clusters=512, inner=24):
    centres = random.normal(size=(clusters, dim)) * 3
    spans = random.normal(size=(clusters, inner, dim))
    which = random.integers(clusters, size=count)
    along = random.normal(size=(count, inner))
    rows = np.empty((count, dim))
    for start in range(0, count, 4096):
        part = slice(start, start + 4096)
        rows[part] = np.einsum("ci,cid->cd", along[part], spans[which[part]])
    return (rows + centres[which] + 0.5 * random.normal(size=rows.shape)).astype(np.float32)

def sphere(random, count, dim=100, inner=32):
    """No clusters: a random network's output over a normal distribution of fewer dimensions, as embeddings are; unit length."""
    first, second = random.normal(size=(inner, 256)), random.normal(size=(256, dim)) / 16
    rows = np.maximum(random.normal(size=(count, inner)) @ first, 0) @ second
    rows += 0.3 * random.normal(size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

def main():
    mnist, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, "mnist-base.fbin"), images(os.path.join(mnist, "train-images-idx3-ubyte.gz")))
    test = images(os.path.join(mnist, "t10k-images-idx3-ubyte.gz"))
    order = np.random.default_rng(3).permutation(len(test))
    write(os.path.join(folder, "mnist-spare.fbin"), test[order[2000:]])
    write(os.path.join(folder, "mnist-queries.fbin"), test[order[:2000]])
    parted(folder, "gauss", gauss(np.random.default_rng(1), 61_000), 9_000, 2_000)
    parted(folder, "sphere", sphere(np.random.default_rng(2), 61_000), 9_000, 2_000)

main()
