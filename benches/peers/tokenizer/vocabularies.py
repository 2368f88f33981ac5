"""Vocabulary files of the shared test data, unpacked into a folder, with the libraries that read them."""
import gzip
import hashlib
import os
import pathlib

TIKTOKEN = ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"]


def unpack(data, folder):
    """All vocabularies without their gzip; name -> path."""
    data, folder = pathlib.Path(data), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for path in sorted([*data.glob("tiktoken/*"), *data.glob("kitoken/models/*"), *data.glob("own/*")]):
        name = path.name.removesuffix(".gz")
        if not name.endswith((".tiktoken", ".json", ".model")) or name in ("texts.json", "expected.json"):
            continue
        out = folder / name
        if not out.exists():
            out.write_bytes(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        found[name] = out
    return found


def tiktoken_of(name, path, cache):
    """OpenAI's own definition over our copy of its file, whose digest tiktoken checks."""
    os.environ["TIKTOKEN_CACHE_DIR"] = str(cache)
    pathlib.Path(cache).mkdir(parents=True, exist_ok=True)
    url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    copy = pathlib.Path(cache) / hashlib.sha1(url.encode()).hexdigest()
    if not copy.exists():
        copy.write_bytes(pathlib.Path(path).read_bytes())
    import tiktoken
    return tiktoken.get_encoding(name)


def oracle(name, path, cache):
    """Text to ids as the library that made the file has it, without what begins or ends a prompt; `None` where no library reads it."""
    stem, kind = name.rsplit(".", 1)
    if kind == "tiktoken":
        if stem == "r50k_base":
            # tiktoken's r50k is read from another file, of the same ranks.
            import tiktoken
            from tiktoken.load import load_tiktoken_bpe
            ranks = {}
            import base64
            for line in pathlib.Path(path).read_bytes().splitlines():
                token, rank = line.split()
                ranks[base64.b64decode(token)] = int(rank)
            from tiktoken_ext.openai_public import r50k_pat_str
            encoding = tiktoken.Encoding(name=stem, pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256})
        elif stem in TIKTOKEN:
            encoding = tiktoken_of(stem, path, cache)
        else:
            return None
        return encoding.encode_ordinary
    if kind == "model":
        import sentencepiece
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        return lambda text: model.encode(text)
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids
