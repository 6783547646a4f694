"""Times our encoder and tiktoken in turns on the same texts; see scripts/bench-tiktoken."""

import argparse
import base64
import hashlib
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import tiktoken
from tiktoken_ext import openai_public

# tiktoken is slow enough for this much to give a steady figure.
PART = 8_000_000


def encoding(path):
    with open(path, "rb") as file:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, file)}
    return tiktoken.Encoding(
        "r50k", pat_str=openai_public.r50k_pat_str, mergeable_ranks=ranks, special_tokens={}
    )


def part_of(path):
    """The first bytes of a text, cut between two characters."""
    with open(path, "rb") as file:
        return file.read(PART).decode("utf-8", errors="ignore")


def ours(options, path):
    command = [
        options.program, "--definitions", options.definitions, "--vocab", options.vocab,
        "--cases", "encode", "--runs", "1", "--json", path,
    ]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {row["threads"]: row for row in map(json.loads, lines)}


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "definitions", "vocab", "ranks"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("texts", nargs="+")
    options = parser.parse_args()
    encoder = encoding(options.ranks)
    failed = False
    for path in options.texts:
        text = part_of(path)
        data = text.encode()
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            ids = encoder.encode_ordinary(text)
            packed = struct.pack(f"<{len(ids)}I", *ids)
            expected = f"{len(ids)} ids decode, sha256 {hashlib.sha256(packed).hexdigest()[:12]}"
            figures = {"ours": [], "ours, 2 threads": [], "tiktoken": []}
            for _ in range(options.rounds):
                rows = ours(options, file.name)
                if rows[1]["check"] not in (expected, "ids are tiktoken's"):
                    print(f"{path}: ids differ: {rows[1]['check']}, tiktoken: {expected}")
                    failed = True
                    break
                figures["ours"].append(rows[1]["megabytesPerSecond"])
                figures["ours, 2 threads"].append(rows[2]["megabytesPerSecond"])
                start = time.perf_counter()
                encoder.encode_ordinary(text)
                figures["tiktoken"].append(len(data) / (time.perf_counter() - start) / 1e6)
        if figures["tiktoken"]:
            medians = {name: statistics.median(values) for name, values in figures.items()}
            print(
                f"{path.split('/')[-1]}: "
                + ", ".join(f"{name} {value:.1f} MB/s" for name, value in medians.items())
                + f", ratio {medians['ours'] / medians['tiktoken']:.1f}"
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
