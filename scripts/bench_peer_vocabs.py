"""Writes the vocabularies that the other tokenizers read: rank tables, and tokenizer.json without special tokens."""

import argparse
import json
import os
import shutil
import subprocess

NAMES = {"gpt2": "r50k_base", "cl100k": "cl100k_base", "o200k": "o200k_base"}


def fetched(name, path):
    """Has tiktoken fetch a rank table, and writes it."""
    import base64

    import tiktoken

    ranks = tiktoken.get_encoding(name)._mergeable_ranks
    with open(path, "wb") as file:
        for token, rank in sorted(ranks.items(), key=lambda entry: entry[1]):
            file.write(base64.b64encode(token) + b" %d\n" % rank)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", os.path.join(options.out, "cache"))

    def convert(*arguments):
        subprocess.run([options.program, "convert", "--quiet", *arguments], check=True)

    def write_json(vocab, path):
        # One of the peers refuses a vocabulary with holes, which special tokens make.
        if os.path.exists(path):
            return
        convert("--vocab", vocab, "-o", path + ".json")
        with open(path + ".json") as file:
            tokenizer = json.load(file)
        for token in tokenizer["added_tokens"]:
            tokenizer["model"]["vocab"].pop(token["content"], None)
        tokenizer["added_tokens"] = []
        with open(path, "w") as file:
            json.dump(tokenizer, file)
        os.remove(path + ".json")

    shared = os.path.join(os.environ.get("TOKENIZE_DATA", ""), "vocabs")
    for vocab, name in NAMES.items():
        # Under its published name: our program, and one of the peers, know the encoding by it.
        path = os.path.join(options.out, name + ".tiktoken")
        if not os.path.exists(path):
            if vocab == "gpt2":
                convert("--vocab", "gpt2", "--drop-special-tokens", "-o", path)
            elif os.path.exists(os.path.join(shared, name + ".tiktoken")):
                shutil.copy(os.path.join(shared, name + ".tiktoken"), path)
            else:
                fetched(name, path)
        write_json("gpt2" if vocab == "gpt2" else path, os.path.join(options.out, vocab + ".json"))


if __name__ == "__main__":
    main()
