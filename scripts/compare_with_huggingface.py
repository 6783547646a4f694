"""Compares what the program learns with what Hugging Face's BpeTrainer learns. Called by
scripts/compare-with-huggingface, which installs tokenizers and documents the options.

By file both sides see a corpus as one text (Hugging Face's train(files) would cut it at line ends first);
by line each line without its newline is a text, which is --lines here. Where a corpus is natural text their
train(files), which keeps the newlines, must give the same as well.
"""

import argparse
import array
import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "true"

import tiktoken
import tokenizers
from tiktoken_ext import openai_public
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"

# As published in the tokenizer.json of Llama 3 and of Qwen 2.
PATTERNS = {
    "llama3": r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
    "qwen2": r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
}


def train_theirs(texts, size, min_frequency, folder):
    """Their merges as lines, and their vocabulary, read back from the files their model writes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.model.save(str(folder))
    return read_model(folder)


def read_model(folder):
    # Split at "\n" alone: a merge may hold any other of the line ends Python knows.
    with open(folder / "merges.txt", encoding="utf-8", newline="") as file:
        lines = file.read().split("\n")
    if lines and lines[0].startswith("#version"):
        del lines[0]
    if lines and lines[-1] == "":
        del lines[-1]
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    return lines, vocab


class Ours:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments):
        command = [self.program, *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.stderr.buffer.write(done.stderr)
            sys.exit(f"compare-with-huggingface: exit status {done.returncode} of: {' '.join(command)}")
        return done.stdout

    def train(self, data, size, min_frequency, *options):
        corpus, made = self.folder / "corpus.txt", self.folder / "ours"
        corpus.write_bytes(data)
        self.run("train", "--vocab-size", size, "--min-frequency", min_frequency, *options,
                 "-o", made, "--force", "--quiet", corpus)
        return made

    def encode(self, vocab, data, special):
        source = self.folder / "input"
        source.write_bytes(data)
        ids = array.array("I")
        ids.frombytes(self.run("encode", "--vocab", vocab, "--special", special, "--format", "u32", source))
        if sys.byteorder == "big":
            ids.byteswap()
        return ids.tolist()


class Comparison:
    def __init__(self, ours, folder):
        self.ours, self.folder = ours, folder
        self.trainings = self.encodings = self.splits = self.differences = 0

    def differ(self, what, ours, theirs):
        self.differences += 1
        first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        print(f"{what}: differ at {first}", file=sys.stderr)
        print(f"  ours          {ours[first:first + 8]} ({len(ours)} in all)", file=sys.stderr)
        print(f"  Hugging Face  {theirs[first:first + 8]} ({len(theirs)} in all)", file=sys.stderr)

    def training(self, name, data, size, min_frequency, lines=False):
        """True when both learn the same."""
        options = ("--lines",) if lines else ()
        merges, vocab = read_model(self.ours.train(data, size, min_frequency, *options))
        texts = data.decode().split("\n") if lines else [data.decode()]
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            their_merges, their_vocab = train_theirs(texts, size, min_frequency, pathlib.Path(folder))
        self.trainings += 1
        what = f"{name}, by {'line' if lines else 'file'}, vocabulary {size}, minimum frequency {min_frequency}"
        if merges != their_merges:
            self.differ(f"{what}: merges", merges, their_merges)
            return False
        if vocab != their_vocab:
            self.differ(f"{what}: vocabularies", sorted(vocab.items()), sorted(their_vocab.items()))
            return False
        return True

    def ranks(self, name, data, size, texts):
        """Our vocabulary as a rank table in tiktoken: the ids of each text."""
        made = self.ours.train(data, size, 0)
        table = self.folder / "table.tiktoken"
        self.ours.run("convert", "--vocab", made, "-o", table)
        ranks = {}
        for line in table.read_bytes().split(b"\n"):
            if line:
                token, rank = line.split(b" ")
                ranks[base64.b64decode(token)] = int(rank)
        encoding = tiktoken.Encoding(
            "ours", pat_str=openai_public.r50k_pat_str, mergeable_ranks=ranks, special_tokens={})
        for label, text in texts:
            expected = encoding.encode_ordinary(text)
            ids = self.ours.encode(made, text.encode(), "text")
            self.encodings += 1
            if ids != expected:
                self.differ(f"rank table of {name} in tiktoken: ids of {label}", ids, expected)

    def splitting(self, name, text):
        """The pre-tokens of a text by each pattern and each of our engines."""
        (self.folder / "input").write_bytes(text.encode())
        for pattern, expression in PATTERNS.items():
            split = pre_tokenizers.Split(Regex(expression), behavior="isolated")
            theirs = [piece for piece, _ in split.pre_tokenize_str(text)]
            for engine in ("reference", "portable", "automatic"):
                lines = self.ours.run("split", "--pattern", pattern, "--engine", engine, "--format", "json",
                                      self.folder / "input")
                ours = [json.loads(line) for line in lines.splitlines()]
                self.splits += 1
                if ours != theirs:
                    self.differ(f"{name}: pre-tokens of {pattern} by {engine}", ours, theirs)

    def file(self, name, data, size, texts, pattern="gpt2"):
        """Our tokenizer.json in their library: the ids of each text, special token included."""
        made = self.ours.train(data, size, 0, "--special-token", END, "--pattern", pattern)
        theirs = Tokenizer.from_file(str(made / "tokenizer.json"))
        if theirs.token_to_id(END) != theirs.get_vocab_size() - 1:
            self.differ(f"{name}: id of {END}", [theirs.get_vocab_size() - 1], [theirs.token_to_id(END)])
        for label, text in texts:
            for special in (text, f"{text}{END}{text[:50]} {END}\n{END}"):
                expected = theirs.encode(special, add_special_tokens=False)
                ids = self.ours.encode(made, special.encode(), "allow")
                self.encodings += 1
                if ids != expected.ids:
                    self.differ(f"tokenizer.json of {name}: ids of {label}", ids, expected.ids)
                back = theirs.decode(expected.ids, skip_special_tokens=False)
                if back != special:
                    self.differ(f"tokenizer.json of {name}: decoded {label}", list(special), list(back))


def random_text(rng):
    """Short, over few letters: nearly every step of the training is a tie."""
    letters = rng.choice(("ab", "abc", "abcd", "aA'", "xyzé", "01a", "日本語", "🙂🙃"))
    spaces = rng.choice((" ", " ", "  ", "\n", " \n\n", "\t"))
    words = [
        "".join(rng.choice(letters) for _ in range(rng.randrange(1, 12)))
        for _ in range(rng.randrange(1, 60))
    ]
    return "".join(word + rng.choice(spaces) * rng.randrange(0, 3) for word in words)


def random_mixture(rng):
    """Characters of every class beside each other, unassigned and new ones among them."""
    parts = ["'s", "'LL", "'\u017f", "a", "Z", "\u01c5", "\u02b0", "\u4e2d", "1", "\u0663", "\u00bd", "2345", "!", "/", "...",
             " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u0085", "\u2028", "\u3000", "\u180e", "\u200b", "\u0301", "\U0001f600",
             "\u1c89", "\u0378", "\U00031350", "\x00"]
    return "".join(rng.choice(parts) for _ in range(rng.randrange(1, 120)))


def corpora_of(folders):
    for folder in folders:
        for path in sorted(folder.glob("*.txt")):
            try:
                path.read_bytes().decode()
            except UnicodeDecodeError:
                continue
            yield path


def main():
    parser = argparse.ArgumentParser(prog="compare-with-huggingface")
    parser.add_argument("--program", required=True)
    parser.add_argument("--corpora", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args()

    parser = argparse.ArgumentParser(prog="compare-with-huggingface")
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=lambda s: [int(n) for n in s.split(",")])
    parser.add_argument("--frequencies", type=lambda s: [int(n) for n in s.split(",")], default=[0, 2, 10])
    parser.add_argument("files", type=pathlib.Path, nargs="*")
    options = parser.parse_args([a for a in given.rest if a != "--"])

    started = time.monotonic()
    files = options.files or list(corpora_of(given.corpora))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        comparison = Comparison(Ours(given.program, folder), folder)
        texts = [(path.name, path.read_bytes().decode()[:20_000]) for path in files]

        for path in files:
            data = path.read_bytes()
            sizes = options.sizes or [257, 512, 1024] + ([8192, 32768] if len(data) > 1_000_000 else [])
            same = [
                comparison.training(path.name, data, size, frequency, lines)
                for size in sizes for frequency in options.frequencies for lines in (False, True)
            ]
            print(f"{path.name}: {len(same)} trainings, {'the same' if all(same) else 'NOT the same'}", flush=True)
        for path in files:
            size = 512 if path.stat().st_size < 1_000_000 else 8192
            comparison.file(path.name, path.read_bytes(), size, texts)
            comparison.ranks(path.name, path.read_bytes(), size, texts)
        for path in files[:3]:
            for pattern in PATTERNS:
                comparison.file(path.name, path.read_bytes(), 512, texts, pattern)
        for label, text in texts:
            comparison.splitting(label, text)

        rng = random.Random(options.seed)
        for number in range(options.random):
            text = random_text(rng)
            name = f"random text {number} of seed {options.seed}: {ascii(text[:80])}"
            comparison.training(
                name, text.encode(), rng.randrange(257, 320), rng.choice((0, 0, 1, 2, 3, 10)),
                lines=rng.random() < 0.5)
            comparison.splitting(name, text)
            text = random_mixture(rng)
            comparison.splitting(f"mixture {number} of seed {options.seed}: {ascii(text[:80])}", text)

        seconds = time.monotonic() - started
        verdict = f"{comparison.differences} differences" if comparison.differences else "no difference"
        print(
            f"{comparison.trainings} trainings, {comparison.encodings} encodings and {comparison.splits} splits compared with "
            f"tokenizers {tokenizers.__version__}: {verdict} ({seconds:.0f} s)"
        )
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()
