"""Encoding with the wheels of gigatoken and fastokens, one thread: wheels_speed.py LIBRARY VOCABULARY TEXT ROUNDS, with the slices and documents of
`core/tokenizer/examples/encoding_speed.rs`; MB/s of process CPU time. Ids stay in the libraries' own memory, so that Python's lists cost nobody anything.
"""
import os
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
library, vocabulary, text, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
name = os.path.basename(vocabulary).rsplit(".", 1)[0]
begin = time.process_time()
if library == "gigatoken":
    import gigatoken
    encode = (gigatoken.Tokenizer.from_tiktoken if vocabulary.endswith(".tiktoken") else gigatoken.Tokenizer)(vocabulary).encode
elif vocabulary.endswith(".tiktoken"):
    import fastokens
    encode = fastokens.Tokenizer.from_tiktoken(vocabulary, encoding=name).encode
else:
    import fastokens
    encode = fastokens.Tokenizer.from_file(vocabulary).encode
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
        count += len(encode(document))
    if at > 0:
        speeds.append(len(part) / (time.process_time() - begin) / 1e6)
speeds.sort()
print(f"{name} {library}: {speeds[len(speeds) // 2]:.0f} MB/s ({speeds[0]:.0f} to {speeds[-1]:.0f}), {count} ids, loaded in {1e3 * loaded:.0f} ms")
