"""One measured process of another tokenizer: load, a first pass with cold caches, later ones; one JSON object.

The fields are those of `TokenizersBenchmarks worker`. Importing, loading, reading and hashing are outside of
the times; each pass keeps its ids until it ends. See scripts/bench-peers.
"""

import argparse
import gc
import hashlib
import json
import os
import sys
import time

TIKTOKEN_NAMES = {"gpt2": "r50k_base", "cl100k": "cl100k_base", "o200k": "o200k_base"}
DOCUMENT = 1 << 20


def documents(data, size=DOCUMENT):
    """The text cut where a line of text ends and a letter follows: no pre-token crosses such a place, so the ids
    of the parts are those of the whole. For tokenizers that work in parallel on several texts only."""
    start = 0
    while start < len(data):
        end = min(len(data), start + size)
        while end < len(data):
            line = data.find(b"\n", end)
            end = len(data) if line < 0 else line + 1
            if end < len(data) and data[end - 2 : end - 1].isalnum() and data[end : end + 1].isalpha():
                break
        yield data[start:end]
        start = end


def ranks_path(options):
    # Some know an encoding by the name of its file.
    return f"{options.files}/{TIKTOKEN_NAMES[options.vocab]}.tiktoken"


def ranks_of(path):
    import base64

    with open(path, "rb") as file:
        return {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, file)}


# Each function loads a tokenizer and returns three others: what the text becomes before the clock starts, one
# pass, and the ids of a pass as an array.


def tiktoken_(options):
    import tiktoken
    from tiktoken_ext import openai_public

    ranks = ranks_of(ranks_path(options))
    # The published definition, over the ranks that are here.
    openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
    pattern = getattr(openai_public, TIKTOKEN_NAMES[options.vocab])()["pat_str"]
    encoding = tiktoken.Encoding(
        options.vocab, pat_str=pattern, special_tokens={}, mergeable_ranks=ranks
    )
    return bytes.decode, lambda text: encoding.encode_to_numpy(text, disallowed_special=()), lambda ids: ids


def tokenizers_(options):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{options.files}/{options.vocab}.json")
    return (
        lambda data: [bytes.decode(part) for part in documents(data)],
        lambda texts: tokenizer.encode_batch_fast(texts, add_special_tokens=False),
        lambda result: joined([encoding.ids for encoding in result]),
    )


def gigatoken_(options):
    import awkward
    import gigatoken

    awkward.flatten(awkward.Array([[1], [2, 3]]), axis=None)
    tokenizer = gigatoken.Tokenizer.from_tiktoken(ranks_path(options))
    if options.threads == 1:
        return lambda data: data, tokenizer.encode, lambda ids: ids
    return (
        lambda data: gigatoken.TextFileSource([options.text]),
        lambda source: tokenizer.encode_files(source, parallel=True),
        lambda ids: awkward.flatten(ids, axis=None),
    )


def gigatoken_documents(options):
    import awkward
    import gigatoken

    tokenizer = gigatoken.Tokenizer.from_tiktoken(ranks_path(options))
    return (
        lambda data: list(documents(data)),
        lambda texts: tokenizer.encode_batch(texts, parallel=options.threads > 1),
        lambda ids: awkward.flatten(ids, axis=None),
    )


def fastokens_(options):
    import fastokens
    import numpy

    tokenizer = fastokens._native.Tokenizer.from_file(f"{options.files}/{options.vocab}.json")
    return texts_for(options), tokenizer.encode_batch_flat, lambda result: numpy.frombuffer(result[0], numpy.uint32)


def quicktok_(options):
    import quicktok

    tokenizer = quicktok.get_encoding(TIKTOKEN_NAMES[options.vocab])
    return texts_for(options), lambda texts: tokenizer.encode_batch(texts, options.threads), lambda result: result[0]


def rs_bpe_(options):
    from rs_bpe.bpe import openai

    tokenizer = getattr(openai, TIKTOKEN_NAMES[options.vocab])()
    return bytes.decode, tokenizer.encode, lambda ids: ids


def texts_for(options):
    if options.threads == 1:
        return lambda data: [data.decode()]
    return lambda data: [part.decode() for part in documents(data)]


def joined(rows):
    import numpy

    return numpy.concatenate([numpy.asarray(row, dtype=numpy.uint32) for row in rows])


PEERS = {
    "tiktoken": tiktoken_, "tokenizers": tokenizers_, "gigatoken": gigatoken_,
    "gigatoken-documents": gigatoken_documents, "fastokens": fastokens_, "quicktok": quicktok_, "rs-bpe": rs_bpe_,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True, choices=PEERS)
    parser.add_argument("--vocab", required=True)
    parser.add_argument("--files", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("text")
    options = parser.parse_args()
    # What these libraries take the number of threads from.
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if options.threads > 1 else "false"
    import numpy

    start = time.perf_counter()
    prepare, encode, ids_of = PEERS[options.peer](options)
    load = time.perf_counter() - start
    with open(options.text, "rb") as file:
        data = file.read()
    text = prepare(data)
    size = len(data)
    del data
    times = []
    for number in range(options.passes + 1):
        gc.collect()
        start = time.perf_counter()
        result = encode(text)
        times.append(time.perf_counter() - start)
        if number == 0:
            ids = numpy.asarray(ids_of(result)).astype("<u4")
            tokens, digest = len(ids), hashlib.sha256(ids.data).hexdigest()
            del ids
        del result
    print(json.dumps({
        "bytes": size, "load": load, "cold": times[0], "warm": times[1:], "tokens": tokens, "sha256": digest,
    }))


def digest_of_file():
    """`digest WIDTH FILE`: the number and the digest, as 32-bit ids, of ids of WIDTH bytes in a file, or of `text`."""
    import numpy

    if sys.argv[2] == "text":
        ids = numpy.fromfile(sys.argv[3], dtype=numpy.uint32, sep=" ").astype("<u4")
    else:
        ids = numpy.fromfile(sys.argv[3], dtype="<u" + sys.argv[2]).astype("<u4")
    print(json.dumps({"tokens": len(ids), "sha256": hashlib.sha256(ids.data).hexdigest()}))


if __name__ == "__main__":
    digest_of_file() if sys.argv[1:2] == ["digest"] else main()
