"""OpenAI's own Python client against a running `dolmen up --llm ADDR:PORT --llm-model PATH`: check.py http://ADDR:PORT/v1. The model needs a vocabulary."""
import http.client
import json
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import openai

base = sys.argv[1]
client = openai.OpenAI(base_url=base, api_key="none", max_retries=0, timeout=300)
model = client.models.list().data[0].id
passed = 0


def check(what, holds):
    global passed
    if not holds:
        raise SystemExit(f"failed: {what}")
    passed += 1
    print("ok  ", what)


def chat(words, **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": words}], max_tokens=12, temperature=0, **more)


def complete(prompt, **more):
    return client.completions.create(**{"model": model, "prompt": prompt, "max_tokens": 12, "temperature": 0, **more})


whole = chat("A river")
text = whole.choices[0].message.content
check("chat: twelve tokens, a reason, their count", whole.usage.completion_tokens <= 12 and whole.choices[0].finish_reason in ("length", "stop") and whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens)
parts = list(chat("A river", stream=True, stream_options={"include_usage": True}))
check("chat: the stream is the whole", "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == text)
check("chat: the stream tells the role first, the reason last and the usage", parts[0].choices[0].delta.role == "assistant" and parts[-2].choices[0].finish_reason == whole.choices[0].finish_reason and parts[-1].usage.completion_tokens == whole.usage.completion_tokens)
check("chat: the same again", chat("A river").choices[0].message.content == text)
seeded = [client.chat.completions.create(model=model, messages=[{"role": "user", "content": "A"}], max_tokens=20, temperature=1.5, seed=seed).choices[0].message.content for seed in (1, 1, 2)]
check("chat: a seed gives one text", seeded[0] == seeded[1] != seeded[2])
probable = chat("A", logprobs=True, top_logprobs=3).choices[0].logprobs.content
check("chat: probabilities", len(probable[0].top_logprobs) == 3 and probable[0].logprob <= 0)
check("chat: two answers", len(chat("A", n=2).choices) == 2)
listed = chat("A", response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array", "items": {"type": "integer"}}}}).choices[0].message.content
check(f"chat: an answer of a schema, {listed}", all(isinstance(n, int) for n in json.loads(listed)))

one = complete("stones")
check("completion: the stream is the whole", "".join(part.choices[0].text for part in complete("stones", stream=True) if part.choices) == one.choices[0].text)
check("completion: several prompts", [choice.text for choice in complete(["A", "stones"]).choices][1] == one.choices[0].text)
check("completion: a stop ends it", "e" not in complete("stones", stop=["e"], max_tokens=40).choices[0].text)

vectors = client.embeddings.create(model=model, input=["A river", "stones"])
check("embeddings: as long as each other and as one", len(vectors.data) == 2 and abs(sum(x * x for x in vectors.data[0].embedding) - 1) < 1e-3)
plain = client.embeddings.create(model=model, input="stones", encoding_format="float")
check("embeddings: base64 and numbers say the same", max(abs(a - b) for a, b in zip(plain.data[0].embedding, vectors.data[1].embedding)) < 1e-6)

words = ["A", "river", "runs", "past", "stones", "A river runs", "past stones.", "user"]
alone = [chat(word).choices[0].message.content for word in words]
with ThreadPoolExecutor(8) as pool:
    for _ in range(5):
        check("eight clients at a time get what each gets alone", list(pool.map(lambda word: chat(word).choices[0].message.content, words)) == alone)

for what, ask in {
    "an empty prompt": lambda: complete(""),
    "no messages": lambda: client.chat.completions.create(model=model, messages=[]),
    "a negative temperature": lambda: complete("A", temperature=-1),
    "a negative count": lambda: complete("A", max_tokens=-3),
    "n of a thousand": lambda: complete("A", n=1000),
    "an id beyond the vocabulary": lambda: complete([10**6]),
    "a prompt beyond the context": lambda: complete([1] * 100_000),
    "tools": lambda: chat("A", tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]),
}.items():
    try:
        ask()
        check(what, False)
    except openai.BadRequestError as error:
        check(f"{what}: {error.body['message']}", len(error.body["message"]) > 8)
try:
    client.models.retrieve("other")
    check("a model that is not there", False)
except openai.NotFoundError as error:
    check(f"a model that is not there: {error.body['message']}", True)

for what, body, status in [
    ("no JSON", b"{", 400), ("nothing", b"", 400), ("NaN", b'{"prompt":"A","temperature":NaN}', 400), ("deep", b'{"prompt":' + b"[" * 100_000, 400), ("no UTF-8", b'{"prompt":"\xff"}', 400),
    ("a body of a hundred megabytes", b" " * (100 << 20), 413),
]:
    place = urllib.parse.urlparse(base)
    connection = http.client.HTTPConnection(place.netloc, timeout=300)
    connection.request("POST", place.path + "/completions", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    message = json.loads(answer.read())["error"]["message"]
    check(f"{what}: {answer.status} {message[:80]}", answer.status == status)
# Clients that leave in the middle of a stream, many of them.
for _ in range(20):
    stream = complete("A", max_tokens=10_000, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
check("after clients that left", complete("stones").choices[0].text == one.choices[0].text)
print(passed, "checks passed")
