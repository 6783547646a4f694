"""Compares the program with tiktoken on generated text. Called by scripts/compare-with-tiktoken,
which installs tiktoken and documents the options.

How thousands of strings go through one run of the program: they are joined by <|endoftext|> and
encoded with special tokens allowed. What lies between two special tokens is a text of its own, with
its own end, so the ids between two end-of-text ids are those of one string.
"""

import argparse
import array
import hashlib
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import tiktoken
import tiktoken.load
import tiktoken_ext.openai_public as public

SEPARATOR = "<|endoftext|>"
CHUNK = 250_000  # Strings in one run of the program.
SHOWN = 10  # Differences printed before giving up.

# ---------------------------------------------------------------------------------- generated text

# First scalars and lengths of what random strings draw from besides the whole of Unicode.
SCRIPTS = {
    "ascii": (0x20, 0x5F),
    "latin": (0xC0, 0x190),
    "greek and cyrillic": (0x370, 0x1C0),
    "hebrew and arabic": (0x590, 0x170),
    "devanagari": (0x900, 0x80),
    "thai": (0xE00, 0x60),
    "jamo": (0x1100, 0x100),
    "mongolian": (0x1800, 0xB0),
    "titlecase greek": (0x1F80, 0x80),
    "kana": (0x3040, 0xC0),
    "han": (0x4E00, 0x5200),
    "hangul": (0xAC00, 0x2BA4),
    "emoji": (0x1F300, 0x400),
    "mathematical letters": (0x1D400, 0x400),
    "digits of many kinds": (0x2150, 0x50),
}
SPACES = (
    [chr(c) for c in [*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]]
    + [chr(c) for c in (0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
)
# Looks like white space, or is taken for it by one engine or another, and is none.
ALMOST_SPACES = [chr(c) for c in (0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x1C, 0x1F, 0x0)]
CONTRACTIONS = ["'s", "'t", "'d", "'m", "'ll", "'ve", "'re"]
CONTRACTIONS += [c.upper() for c in CONTRACTIONS] + ["'Ll", "'vE", "'Re", "'\u017f", "\u2019s", "''s", "'"]
COMBINING = [chr(c) for c in (*range(0x300, 0x315), 0x20D0, 0x20E3, 0x093C, 0x094D, 0x0E31, 0x05B0, 0x064B, 0xFE0F)]
EMOJI = [
    "\U0001F468\u200D\U0001F469\u200D\U0001F467",
    "\U0001F44D\U0001F3FD",
    "\U0001F3F3\uFE0F\u200D\U0001F308",
    "\U0001F1E9\U0001F1EA",
    "1\uFE0F\u20E3",
    "\u2764\uFE0F\u200D\U0001F525",
    "\U0001F600",
]
WORDS = (
    "the of and to a in is it you that he was for on are with as I his they be at one have this from "
    "return void int self func let import http www com Don't I'll they've SHOULDN'T it's fiancée "
    "naïve Straße über Москва привет Αθήνα שלום مرحبا नमस्ते สวัสดี こんにちは 東京 안녕하세요 CamelCase "
    "snake_case HTTPServer iPhone x86 3D 2nd ǅungla ŉ ß ﬁ Ⅻ ² ½ ٣ १२३ １２３"
).split()
PUNCTUATION = list("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "--", "—", "«", "»", "¿", "。", "、", "://", "/*", "*/"]
NEWLINES = ["\n", "\r\n", "\r", "\n\n", "\n\r", "\r\r\n", " \n", "\n ", "\t\n", "\u2028", "\x85"]
SPECIAL_PARTS = ["<|", "|>", "<|endoftext", "endoftext|>", "<|fim_prefix|", "<", "|", ">"]


def any_scalar(rng):
    """A scalar of any plane, assigned or not: planes first, so that the empty ones get their share."""
    plane = rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 3, rng.randrange(4, 14), 14, 15, 16))
    while True:
        scalar = plane << 16 | rng.randrange(0x10000)
        if not 0xD800 <= scalar < 0xE000:
            return chr(scalar)


def of_script(rng):
    first, length = rng.choice(list(SCRIPTS.values()))
    count = rng.randrange(1, 9)
    return "".join(chr(first + rng.randrange(length)) for _ in range(count))


def run(rng, choices, longest):
    return "".join(rng.choice(choices) for _ in range(rng.randrange(1, longest)))


PIECES = [
    (6, lambda rng: rng.choice(WORDS)),
    (4, lambda rng: " " + rng.choice(WORDS)),
    (3, of_script),
    (3, any_scalar),
    (3, lambda rng: run(rng, SPACES, 6)),
    (3, lambda rng: rng.choice((" ", "\n", "\t", "\r\n", "\u00a0")) * rng.randrange(1, 20)),
    (2, lambda rng: run(rng, NEWLINES, 4)),
    (3, lambda rng: rng.choice(CONTRACTIONS)),
    (3, lambda rng: run(rng, "0123456789", 12)),
    (1, lambda rng: run(rng, "0123456789٠١٢३४५৬७８９²½Ⅷ一", 8)),
    (2, lambda rng: run(rng, PUNCTUATION, 5)),
    (2, lambda rng: run(rng, EMOJI, 3)),
    (2, lambda rng: run(rng, COMBINING, 4)),
    (1, lambda rng: rng.choice(ALMOST_SPACES)),
    (1, lambda rng: rng.choice(SPECIAL_PARTS)),
    (1, lambda rng: rng.choice("abcXYZé好") * rng.randrange(1, 200)),
]


def random_strings(count, seed):
    rng = random.Random(seed)
    weights = [weight for weight, _ in PIECES]
    makers = [maker for _, maker in PIECES]
    for _ in range(count):
        if rng.random() < 0.2:  # Nothing but scalars of any plane.
            yield "".join(any_scalar(rng) for _ in range(rng.randrange(0, 12)))
        else:
            chosen = rng.choices(makers, weights, k=rng.randrange(1, 14))
            yield "".join(maker(rng) for maker in chosen)


# A character class that is off by one scalar hardly ever changes the ids of that scalar alone; here
# it does. X stands for the scalar.
CONTEXTS = ("X's", "X\n \nx", "1X2345678", " X", "aXb", "'X", "AXa")


def scalar_strings(which):
    for scalar in range(0x110000):
        if 0xD800 <= scalar < 0xE000:
            continue
        if which == "sample" and scalar >= 0x3000 and scalar % 97:
            continue
        for context in CONTEXTS:
            yield context.replace("X", chr(scalar), 1)


def chunks(strings, size):
    chunk = []
    for string in strings:
        chunk.append(string)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


# ---------------------------------------------------------------------------------------- encodings


def load_encoding(name, folder, cache):
    """tiktoken's encoding, its pattern and special tokens as it ships them, its ranks from a local
    file; and the path of that file for the program. Files not found locally are fetched once."""
    paths = []

    def load(url, expected_hash):
        path = folder / f"{name}.tiktoken" if folder else cache / f"{name}.tiktoken"
        if not path.exists():
            if folder:
                sys.exit(f"compare-with-tiktoken: there is no {path}")
            cache.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tiktoken.load.read_file_cached(url, expected_hash))
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != expected_hash:
            sys.exit(f"compare-with-tiktoken: {path}: sha256 is {found}, tiktoken expects {expected_hash}")
        paths.append(path)
        return tiktoken.load.load_tiktoken_bpe(str(path), expected_hash)

    original = public.load_tiktoken_bpe
    public.load_tiktoken_bpe = load
    try:
        encoding = tiktoken.Encoding(**public.ENCODING_CONSTRUCTORS[name]())
    finally:
        public.load_tiktoken_bpe = original
    return encoding, paths[0]


class Program:
    """Our side: runs the program on files in a folder of its own."""

    def __init__(self, path, vocab, folder):
        self.path, self.vocab, self.folder = path, vocab, folder

    def run(self, verb, options, data):
        source = self.folder / "input"
        source.write_bytes(data)
        command = [self.path, verb, "--vocab", str(self.vocab), "--quiet", *options, str(source)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit(f"compare-with-tiktoken: exit status {done.returncode} of: {' '.join(command)}")
        return done.stdout

    def encode(self, text, special):
        ids = array.array("I")
        ids.frombytes(self.run("encode", ["--special", special, "--format", "u32"], text.encode()))
        if sys.byteorder == "big":
            ids.byteswap()
        return ids

    def decode(self, ids):
        ids = array.array("I", ids)
        if sys.byteorder == "big":
            ids.byteswap()
        return self.run("decode", ["--format", "u32"], ids.tobytes())


# --------------------------------------------------------------------------------------- comparison


class Comparison:
    def __init__(self, encoding, program):
        self.encoding, self.program = encoding, program
        self.end = encoding._special_tokens[SEPARATOR]
        self.specials = encoding.special_tokens_set
        self.compared = 0
        self.differences = 0

    def report(self, what, text, ours, theirs):
        self.differences += 1
        if self.differences <= SHOWN:
            first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            low = max(0, first - 3)
            print(f"{self.encoding.name}: {what} differ: {ascii(text[:200])}", file=sys.stderr)
            print(f"  at {first}: ours     {list(ours[low:first + 12])} ({len(ours)} in all)", file=sys.stderr)
            print(f"  at {first}: tiktoken {list(theirs[low:first + 12])} ({len(theirs)} in all)", file=sys.stderr)

    def strings(self, chunk):
        """Ids of every string of the chunk, then the bytes that decoding gives back."""
        chunk = [s for s in chunk if "<|" not in s or not any(special in s for special in self.specials)]
        joined = SEPARATOR.join(chunk)
        ours = self.program.encode(joined, "allow")
        theirs = array.array("I")
        encode, end = self.encoding.encode_ordinary, self.end
        for string in chunk:
            theirs.extend(encode(string))
            theirs.append(end)
        theirs.pop()  # One separator fewer than strings.

        if ours != theirs:
            self.find(chunk, ours)
        decoded = self.program.decode(theirs)
        if decoded != joined.encode():
            self.report("bytes of decode", joined, decoded, joined.encode())
        self.compared += len(chunk)

    def find(self, chunk, ours):
        """Which strings differ, when the whole does."""
        parts, start = [], 0
        for position, token in enumerate(ours):
            if token == self.end:
                parts.append(ours[start:position])
                start = position + 1
        parts.append(ours[start:])
        if len(parts) != len(chunk):
            self.report(f"numbers of strings, {len(parts)} against {len(chunk)},", "", parts, chunk)
        for string, ids in zip(chunk, parts):
            expected = self.encoding.encode_ordinary(string)
            if list(ids) != expected:
                self.report("ids", string, ids, expected)

    def document(self, text):
        """One long text that spells special tokens: as ordinary text, and as special tokens."""
        for special, theirs in (
            ("text", self.encoding.encode_ordinary(text)),
            ("allow", self.encoding.encode(text, allowed_special="all")),
        ):
            ours = self.program.encode(text, special)
            if list(ours) != theirs:
                self.report(f"ids of a document (--special {special})", text, ours, theirs)
        self.compared += 1


def main():
    parser = argparse.ArgumentParser(prog="compare-with-tiktoken")
    parser.add_argument("--program", required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--vocabs", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scalars", choices=("all", "sample"), default="all")
    parser.add_argument("--encoding", action="append", choices=sorted(public.ENCODING_CONSTRUCTORS))
    options = parser.parse_args()

    differences = 0
    for name in options.encoding or ["r50k_base", "cl100k_base", "o200k_base"]:
        started = time.monotonic()
        encoding, path = load_encoding(name, options.vocabs, options.cache)
        with tempfile.TemporaryDirectory() as folder:
            comparison = Comparison(encoding, Program(options.program, path, pathlib.Path(folder)))
            rng = random.Random(options.seed)
            for chunk in chunks(random_strings(options.count, options.seed), CHUNK):
                comparison.strings(chunk)
            for chunk in chunks(random_strings(4_000, options.seed + 1), 500):
                # Special tokens between and inside words, side by side, and with spaces around.
                joints = [*sorted(encoding.special_tokens_set), "", "\n", " "]
                comparison.document("".join(s + rng.choice(joints) for s in chunk))
            for chunk in chunks(scalar_strings(options.scalars), CHUNK):
                comparison.strings(chunk)
        seconds = time.monotonic() - started
        verdict = f"{comparison.differences} differences" if comparison.differences else "no difference"
        print(f"{name}: {comparison.compared:,} texts compared, {verdict} ({seconds:.0f} s)", flush=True)
        differences += comparison.differences
    if differences:
        print(f"Not equal to tiktoken {tiktoken.__version__} (seed {options.seed})", file=sys.stderr)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
