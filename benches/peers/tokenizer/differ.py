"""Texts made by chance, as ids by `dolmen llm tokenize` and by the real libraries: tiktoken, tokenizers, sentencepiece.

differ.py DOLMEN DATA FOLDER SECONDS [SEED]: goes round the vocabularies of DATA (the shared folder `tokenizers`) until the time is over; each difference is
printed, and the status is 1 if there was one.
"""
import json
import random
import subprocess
import sys
import time

from vocabularies import oracle, unpack

PIECES = [
    " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u3000", "\u00a0", "\u2028", "\u0085", "\u200b", "\u200d", "\ufeff", "\0", "\x7f",
    "'s", "'LL", "'re", "'ve", "'T", "''", "\u2019s", "don't", "I'm", "a", "A", "the", " the", " The", "THE", "ab", "aaaa", "é", "e\u0301", "ﬁ", "ß", "ẞ", "İ", "ı", "ǅ",
    "0", "12", "345", "6789", "1,000.50", "²", "Ⅷ", "½", "٣", "...", "!!", "?!", "//", "/*", "*/", "{}", "();", "->", "=>", "==", "_", "__init__", "camelCase", "HTTPServer",
    "snake_case", "kebab-case", "http://", "example.com", "a@b.c", "#", "$", "%", "&amp;", "<", ">", "<s>", "</s>", "<unk>", "<|endoftext|>", "[UNK]", "[CLS]", "[MASK]", "<0x41>", "▁", "Ġ", "##",
    "日本", "語", "中文", "한국어", "가", "กำ", "हिन्दी", "عربي", "שלום", "Привет", "Ωμέγα", "ﷺ", "𝔘𝔫𝔦", "🚀", "👩‍👩‍👧", "🏳️‍🌈", "🇩🇪", "\U0010ffff", "\ufffd", "\u0300", "\u0327", "\u3099", "ｱ", "Ａ", "㍿", "①", "™", "\ufe0f", "ـ",
]
BASES = [0x20, 0x41, 0x61, 0xA0, 0xC0, 0x100, 0x250, 0x2B0, 0x300, 0x370, 0x400, 0x530, 0x5D0, 0x620, 0x900, 0xE00, 0x1100, 0x1E00, 0x1F00, 0x2000, 0x2070, 0x20A0, 0x2150, 0x2190, 0x2460,
         0x2E80, 0x3000, 0x3040, 0x30A0, 0x3130, 0x3200, 0x4E00, 0xAC00, 0xF900, 0xFB00, 0xFE00, 0xFF00, 0x10300, 0x1D400, 0x1F100, 0x1F300, 0x1F600, 0x20000]


def character(rng):
    code = rng.choice(BASES) + rng.randrange(96) if rng.random() < 0.9 else rng.randrange(0x110000)
    return "" if 0xD800 <= code < 0xE000 else chr(code)


def text_of(rng, real):
    """A text of one of several kinds."""
    kind = rng.random()
    if kind < 0.2:
        at = rng.randrange(len(real))
        text = real[at:at + rng.randrange(1, 300)]
        # A few characters of it are others.
        letters = list(text)
        for _ in range(rng.randrange(4)):
            letters[rng.randrange(len(letters))] = rng.choice([rng.choice(PIECES), character(rng), ""])
        return "".join(letters)
    if kind < 0.35:
        unit = rng.choice(["ab", "a", " ", "\n", "aab", "0", "-", "=", "あ", "é", rng.choice(PIECES), character(rng)])
        return rng.choice(["", "x", " "]) + unit * rng.randrange(1, 80) + rng.choice(["", "y", " "])
    if kind < 0.5:
        return "".join(character(rng) for _ in range(rng.randrange(1, 40)))
    parts = []
    for _ in range(rng.randrange(1, 30)):
        draw = rng.random()
        if draw < 0.7:
            parts.append(rng.choice(PIECES))
        elif draw < 0.85:
            parts.append(character(rng))
        else:
            parts.append("".join(rng.choice("etaoinshrdlucmfwypvbgk") for _ in range(rng.randrange(1, 12))))
        if rng.random() < 0.3:
            parts.append(" ")
    return "".join(parts)


def ours(dolmen, path, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    run = subprocess.run([dolmen, "llm", "tokenize", "--vocab", str(path), "--ids", "--lines", "-"], input=lines.encode(), capture_output=True)
    if run.returncode != 0:
        raise SystemExit(f"{path}: {run.stderr.decode()}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def main():
    dolmen, data, folder, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else time.time_ns()
    rng = random.Random(seed)
    print("seed", seed, flush=True)
    sets = [(name, path, oracle(name, path, folder + "/tiktoken")) for name, path in unpack(data, folder).items()]
    sets = [one for one in sets if one[2]]
    real = open(data + "/kitoken/mixed_input.txt", encoding="utf-8").read()
    begin, compared, wrong = time.time(), dict.fromkeys((name for name, _, _ in sets), 0), 0
    while time.time() - begin < seconds:
        for name, path, encode in sets:
            texts = [text for text in (text_of(rng, real) for _ in range(500)) if text]
            found = ours(dolmen, path, texts)
            assert len(found) == len(texts), (name, len(found), len(texts))
            for text, ids in zip(texts, found):
                wanted = encode(text)
                if ids != wanted:
                    wrong += 1
                    print(f"{name}: {text!r}\n  found {ids}\n wanted {wanted}", flush=True)
            compared[name] += len(texts)
            if time.time() - begin >= seconds:
                break
    for name, count in compared.items():
        print(f"{name}: {count}")
    print(f"{sum(compared.values())} texts over {len(sets)} vocabularies in {time.time() - begin:.0f} s, {wrong} differences")
    sys.exit(wrong > 0)


main()
