"""From the start of a process to the ids of the first 64 KB: cold.py DOLMEN ALONE VOCABULARY TEXT [ROUNDS]. Milliseconds of CPU, user and system, of the whole process:
`dolmen llm tokenize` with no prebuilt form (and none left behind, and one left behind) and with one, our crate alone (ALONE, its example `encoding_speed`), then gigatoken
and fastokens in fresh Pythons, and Python alone.
"""
import os
import resource
import subprocess
import sys
import tempfile

dolmen, alone, vocabulary, text = sys.argv[1:5]
rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 5
head = open(text, "rb").read()[: 64 << 10].decode(errors="ignore").encode()
tiktoken = vocabulary.endswith(".tiktoken")
giga = "gigatoken.Tokenizer.from_tiktoken" if tiktoken else "gigatoken.Tokenizer"
PYTHON = {
    "python alone": "import sys; sys.stdin.buffer.read()",
    "gigatoken": f"import sys, gigatoken; len({giga}({vocabulary!r}).encode(sys.stdin.buffer.read()))",
}
if not tiktoken:
    PYTHON["fastokens"] = f"import sys, fastokens; fastokens.Tokenizer.from_file({vocabulary!r}).encode(sys.stdin.buffer.read().decode())"


def cpu(command, **environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, input=head, stdout=subprocess.DEVNULL, check=True, env={**os.environ, "RAYON_NUM_THREADS": "1", **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


ours = [dolmen, "llm", "tokenize", "--vocab", vocabulary, "--ids", "-"]
found = {}
with tempfile.TemporaryDirectory() as cache:
    for _ in range(rounds):
        found.setdefault("ours, no cache", []).append(cpu(ours, DOLMEN_CACHE=""))
        for name in os.listdir(cache):
            os.remove(os.path.join(cache, name))
        found.setdefault("ours, first use", []).append(cpu(ours, DOLMEN_CACHE=cache))
        found.setdefault("our crate alone", []).append(cpu([alone, vocabulary]))
        found.setdefault("ours, again", []).append(cpu(ours, DOLMEN_CACHE=cache))
        for name, code in PYTHON.items():
            found.setdefault(name, []).append(cpu([sys.executable, "-c", code]))
for name, times in found.items():
    times.sort()
    print(f"{os.path.basename(vocabulary)} {name}: {times[len(times) // 2]:.0f} ms ({times[0]:.0f} to {times[-1]:.0f})")
