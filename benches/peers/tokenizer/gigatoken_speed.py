"""Encoding with gigatoken's wheel, one thread: gigatoken_speed.py VOCABULARY TEXT ROUNDS, with the slices and documents of `src/main.rs`; MB/s of process CPU time."""
import os
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
import gigatoken

vocabulary, text, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
load = gigatoken.Tokenizer.from_tiktoken if vocabulary.endswith(".tiktoken") else gigatoken.Tokenizer
begin = time.process_time()
tokenizer = load(vocabulary)
loaded = time.process_time() - begin


def pieces(data, size):
    at = 0
    while at < len(data):
        end = min(at + size, len(data))
        # Between characters.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[at:end]
        at = end


data = open(text, "rb").read()
speeds, count = [], 0
for at, part in enumerate(pieces(data, -(-len(data) // (rounds + 1)))):
    documents = [piece.decode() for piece in pieces(part, 4096)]
    begin = time.process_time()
    for document in documents:
        count += len(tokenizer.encode(document))
    if at > 0:
        speeds.append(len(part) / (time.process_time() - begin) / 1e6)
speeds.sort()
name = os.path.basename(vocabulary).rsplit(".", 1)[0]
print(f"{name} gigatoken: {speeds[len(speeds) // 2]:.0f} MB/s ({speeds[0]:.0f} to {speeds[-1]:.0f}), {count} ids, loaded in {1e3 * loaded:.0f} ms")
