"""Times our trainer and those of other projects in turns on the same texts; see scripts/bench-train."""

import argparse
import gzip
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
# Peers whose merges must be those of Hugging Face's trainer on one text.
EXACT = ("tokenizers", "gigatoken")


def byte_characters():
    """The byte-level alphabet of GPT-2's files: a character for each byte."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in visible]
    table = {byte: chr(byte) for byte in visible}
    table.update({byte: chr(256 + index) for index, byte in enumerate(moved)})
    return table


def train_peer(name, path, size):
    """Run in a process of the peer's own: trains once, prints seconds, peak memory and merges."""
    data = pathlib.Path(path).read_bytes()
    text = data.decode()
    merges = None
    if name == "tokenizers":
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=[], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
        # One text would leave it one thread; parts end before a word, where no pre-token is cut.
        parts = parts_of(text)
        start = time.perf_counter()
        tokenizer.train_from_iterator(parts, trainer)
        seconds = time.perf_counter() - start
        merges = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    elif name == "gigatoken":
        import gigatoken

        start = time.perf_counter()
        _, pairs = gigatoken.train_bpe(data, size, [])
        seconds = time.perf_counter() - start
        table = byte_characters()
        merges = [tuple("".join(table[byte] for byte in part) for part in pair) for pair in pairs]
    elif name == "rustbpe":
        import rustbpe

        tokenizer = rustbpe.Tokenizer()
        parts = parts_of(text)
        start = time.perf_counter()
        tokenizer.train_from_iterator(iter(parts), size, pattern=PATTERN)
        seconds = time.perf_counter() - start
    elif name == "bpeasy":
        import bpeasy

        parts = parts_of(text)
        start = time.perf_counter()
        bpeasy.train_bpe(iter(parts), PATTERN, 128, size)
        seconds = time.perf_counter() - start
    elif name == "sentencepiece":
        import io

        import sentencepiece

        lines = text.split("\n")
        start = time.perf_counter()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=io.BytesIO(), vocab_size=size,
            model_type="bpe", byte_fallback=True, num_threads=2, max_sentence_length=1 << 20,
            minloglevel=2, hard_vocab_limit=False,
        )
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": seconds, "megabytes": peak, "merges": merges}))


def parts_of(text, size=1 << 20):
    """About a million characters each, cut before a space that follows a letter."""
    parts, start = [], 0
    while start < len(text):
        end = start + size
        while end < len(text) and not (text[end] == " " and text[end - 1].isalpha()):
            end += 1
        parts.append(text[start:end])
        start = end
    return parts


def run_peer(python, name, path, size):
    command = [python, __file__, "--train", name, str(path), str(size)]
    # Some say what they are doing; the answer is the last line.
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout.decode().strip().split("\n")[-1])


def run_ours(program, path, size, folder):
    made = folder / "made"
    command = [program, "train", "--vocab-size", str(size), "-q", "--force", "--threads", "2", "-o", made, path]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"bench-train: status {status} of: {' '.join(map(str, command))}")
    with open(made / "merges.txt", encoding="utf-8", newline="") as file:
        lines = file.read().split("\n")[1:-1]
    return {
        "seconds": seconds, "megabytes": usage.ru_maxrss / 1000,
        "merges": [list(line.split(" ")) for line in lines],
    }


def plain(path, folder):
    if not path.name.endswith(".gz"):
        return path
    copy = folder / path.name[:-3]
    copy.write_bytes(gzip.decompress(path.read_bytes()))
    return copy


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--train":
        return train_peer(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(prog="bench-train")
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", default="")
    parser.add_argument("--environments", nargs="*", default=[])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    parser = argparse.ArgumentParser(prog="bench-train")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=lambda s: [int(n) for n in s.split(",")])
    parser.add_argument("--peers", type=lambda s: s.split(","))
    parser.add_argument("texts", type=pathlib.Path, nargs="*")
    options = parser.parse_args([a for a in given.rest if a != "--"])
    pythons = dict(pair.split("=", 1) for pair in given.environments)
    if options.peers:
        pythons = {name: python for name, python in pythons.items() if name in options.peers}
    texts = options.texts
    if not texts:
        if not given.data:
            sys.exit("bench-train: name texts, or set TOKENIZE_DATA to the folder of the shared ones")
        folder = pathlib.Path(given.data) / "texts"
        texts = [folder / "tinyshakespeare.txt", folder / "english.txt.gz"]

    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in texts:
            path = plain(path, folder)
            length = path.stat().st_size
            for size in options.sizes or [8192 if length < 10_000_000 else 32768]:
                failed |= bench(given.program, pythons, path, size, options.rounds, folder)
    sys.exit(1 if failed else 0)


def bench(program, pythons, path, size, rounds, folder):
    """Prints a table of medians; true if merges differ that should not."""
    runs = {"tokenize": []}
    runs.update({name: [] for name in pythons})
    merges = {}
    for _ in range(rounds):
        # In turns, so that the hour of the machine is the same for all.
        for name in runs:
            run = run_ours(program, path, size, folder) if name == "tokenize" else run_peer(
                pythons[name], name, path, size)
            runs[name].append(run)
            merges[name] = run["merges"]
    failed = False
    reference = merges.get("tokenizers")
    print(f"{path.name} ({path.stat().st_size / 1e6:.1f} MB) to {size}, medians of {rounds}")
    print("| trainer | seconds | times ours | peak MB | merges |")
    print("| --- | ---: | ---: | ---: | --- |")
    ours = statistics.median(run["seconds"] for run in runs["tokenize"])
    for name, figures in runs.items():
        seconds = statistics.median(run["seconds"] for run in figures)
        peak = statistics.median(run["megabytes"] for run in figures)
        verdict = "another rule"
        if name == "tokenizers":
            verdict = "the reference"
        elif merges[name] is not None and reference is not None:
            equal = merges[name] == reference
            same = next((i for i, (a, b) in enumerate(zip(merges[name], reference)) if a != b), None)
            verdict = "equal" if equal else f"differ from merge {same}" if same is not None else (
                f"{len(merges[name])} and not {len(reference)}")
            failed |= name == "tokenize" and not equal
        print(f"| {name} | {seconds:.3f} | {seconds / ours:.2f} | {peak:.0f} | {verdict} |")
    print(flush=True)
    return failed


if __name__ == "__main__":
    main()
