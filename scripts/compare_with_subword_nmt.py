"""Compares merges with subword-nmt's; see scripts/compare-with-subword-nmt."""

import argparse
import io
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from subword_nmt.learn_bpe import learn_bpe

END = "</w>"


def theirs(words, merges, min_frequency):
    output = io.StringIO()
    stderr, sys.stderr = sys.stderr, io.StringIO()
    try:
        learn_bpe(io.StringIO(" ".join(words) + "\n"), output, merges, min_frequency=min_frequency)
    finally:
        sys.stderr = stderr
    lines = output.getvalue().split("\n")[1:]
    return [line.replace(END, "") for line in lines if line]


def ours(program, folder, words, merges, min_frequency):
    corpus, made = folder / "corpus.txt", folder / "made"
    corpus.write_text("".join(words), encoding="utf-8")
    command = [
        program, "train", "--merges", str(merges), "--min-frequency", str(min_frequency),
        "--ties", "largest", "--pattern", r"[^$]*\$", "-q", "--force", "-o", made, corpus,
    ]
    subprocess.run(command, check=True)
    lines = (made / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    return [line for line in lines if line]


def main():
    parser = argparse.ArgumentParser(prog="compare-with-subword-nmt")
    parser.add_argument("--program", required=True)
    parser.add_argument("--random", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    differences = total = 0
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.random):
            letters = rng.choice(["ab", "abc", "abcd", "aAzZ09", "abcdefghij"])
            words = [
                "".join(rng.choice(letters) for _ in range(rng.randrange(1, 12))) + "$"
                for _ in range(rng.randrange(1, 300))
            ]
            merges = rng.randrange(1, 120)
            min_frequency = rng.choice((2, 2, 5))
            expected = theirs(words, merges, min_frequency)
            found = ours(options.program, pathlib.Path(name), words, merges, min_frequency)
            total += len(expected)
            if found != expected:
                differences += 1
                first = next(
                    (i for i, (a, b) in enumerate(zip(found, expected)) if a != b),
                    min(len(found), len(expected)))
                print(f"text {number} of seed {options.seed}: differ at merge {first}", file=sys.stderr)
                print(f"  ours         {found[first:first + 4]} ({len(found)} in all)", file=sys.stderr)
                print(f"  subword-nmt  {expected[first:first + 4]} ({len(expected)} in all)", file=sys.stderr)
    verdict = f"{differences} differ" if differences else "no difference"
    print(f"{options.random} trainings, {total} merges compared with subword-nmt: {verdict}")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
