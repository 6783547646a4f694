"""Runs our encoder and the others in turns, compares ids, and keeps the figures. See scripts/bench-peers."""

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile

import bench_peers_report as report
from bench_process import ROOT, machine, output, run, run_json, say, sha256, versions, write_json

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
WORKER = os.path.join(SCRIPTS, "bench_peer_worker.py")
PATHOLOGICAL = [
    "one-letter", "random-letters", "spaces", "newlines", "digits", "one-mark", "cjk", "emoji", "combining", "no-spaces",
]
# Those that stop being measured above so many bytes: they take minutes, or end the process.
SLOW = {"tiktoken": 10_000_000, "tokenizers": 6_000_000, "rs-bpe": 6_000_000}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suites", default="encode,threads,portable,program,pathological")
    parser.add_argument("--vocabs", default="gpt2,cl100k,o200k")
    parser.add_argument("--corpora", default="english,code,multilingual")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--peers", default="", help="only these")
    parser.add_argument("--pathological-sizes", default="1,10")
    parser.add_argument("--engine", default="automatic")
    parser.add_argument("--results")
    parser.add_argument("--report", action="store_true")
    for name in ("texts", "files", "missing"):
        parser.add_argument("--" + name, required=True)
    bench = Bench(parser.parse_args())
    if not bench.options.report:
        for suite in bench.options.suites.split(","):
            getattr(bench, "suite_" + suite)()
    if bench.results["rows"]:
        print(report.table(bench.results))
    if any(row["same"] is False and row["contender"].startswith("ours") for row in bench.results["rows"]):
        sys.exit("bench-peers: our ids differ from tiktoken's in the rows marked so")

# Switches prepared forms of vocabularies off.
UNPREPARED = {"TOKENIZE_PREPARED": ""}


class Bench:
    def __init__(self, options):
        self.options = options
        self.vocabs = options.vocabs.split(",")
        self.corpora = options.corpora.split(",")
        self.missing = [name for name in options.missing.split(",") if name]
        self.program = os.path.join(ROOT, ".build/release/tokenize")
        self.benchmarks = os.path.join(ROOT, "Benchmarks/.build/release/TokenizersBenchmarks")
        self.known_path = os.path.join(options.texts, "definitions.json")
        self.known = self.read_known()
        commit = output(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"])
        changed = output(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"])
        self.path = options.results or os.path.join(
            ROOT, "Benchmarks/results", f"peers-{datetime.date.today()}-{commit}.json")
        self.results = {
            "commit": commit + ("+" if changed else ""), "date": str(datetime.date.today()), "machine": machine(),
            "versions": versions(), "missing": self.missing, "rows": [],
        }
        # Rows of an earlier call on the same commit stay: a long comparison may be made in parts.
        if os.path.exists(self.path):
            with open(self.path) as file:
                before = json.load(file)
            if before["commit"] == self.results["commit"] or options.report:
                self.results = before

    def read_known(self):
        files = [os.path.join(ROOT, "Benchmarks/definitions.json"), self.known_path]
        rows = []
        for path in files:
            if os.path.exists(path):
                with open(path) as file:
                    rows += json.load(file)["encode"]
        return {(row["text"], row["vocab"]): row for row in rows}

    def text(self, corpus):
        return os.path.join(self.options.texts, corpus + ".txt")

    def expected(self, corpus, vocab):
        """tiktoken's answer for a text: known, or asked for once and kept."""
        digest = sha256(self.text(corpus))
        if (digest, vocab) not in self.known:
            say(f"asking tiktoken for the ids of {corpus} under {vocab}")
            answer = self.peer("tiktoken", vocab, corpus, passes=0, limit=None)
            row = {"corpus": corpus, "text": digest, "vocab": vocab, "tokens": answer.get("tokens"),
                   "ids": answer.get("sha256")}
            self.known[digest, vocab] = row
            if row["ids"]:
                self.keep_known(row)
        return self.known[digest, vocab]

    def keep_known(self, row):
        kept = {"origin": "Ids by tiktoken, installed by scripts/bench-peers.", "encode": []}
        if os.path.exists(self.known_path):
            with open(self.known_path) as file:
                kept = json.load(file)
        kept["encode"].append(row)
        write_json(self.known_path, kept)

    # Processes

    def peer(self, name, vocab, corpus, threads=1, passes=None, limit=SLOW):
        if name in self.missing or self.options.peers and name not in self.options.peers.split(",") and limit:
            return {"failed": "not installed" if name in self.missing else "not asked for"}
        if limit and os.path.getsize(self.text(corpus)) > limit.get(name, 1 << 62):
            return {"failed": "too slow for this text"}
        return run_json([
            sys.executable, WORKER, "--peer", name, "--vocab", vocab, "--files", self.options.files, "--threads",
            str(threads), "--passes", str(self.options.passes if passes is None else passes), self.text(corpus)])

    def ours(self, vocab, corpus, threads=1, passes=None, engine=None):
        files = os.path.join(ROOT, "vocabs/gpt2") if vocab == "gpt2" else f"{self.options.files}/{vocab}_base.tiktoken"
        return run_json([
            self.benchmarks, "worker", "--vocab", files, "--threads", str(threads), "--engine",
            engine or self.options.engine, "--passes",
            str(self.options.passes if passes is None else passes), self.text(corpus)])

    def compare(self, suite, vocab, corpus, contenders, threads=1, rounds=None):
        """Every contender once in each round; `contenders` are names and functions that run one process."""
        if not os.path.exists(self.text(corpus)):
            return say(f"{corpus}: there is no such text; scripts/make-corpora says why")
        expected = self.expected(corpus, vocab)
        rows = {name: new_row(suite, vocab, corpus, threads, name) for name in contenders}
        for number in range(rounds or self.options.rounds):
            for name, run in contenders.items():
                row = rows[name]
                if row["failed"]:
                    continue
                answer = run()
                if "failed" in answer:
                    row["failed"] = answer["failed"]
                    continue
                row["bytes"], row["tokens"] = answer["bytes"], answer["tokens"]
                row["same"] = answer["sha256"] == expected["ids"] if expected["ids"] else None
                for key in ("cold", "load", "memory"):
                    row[key].append(answer[key])
                if answer["warm"]:
                    row["warm"].append(report.median(answer["warm"]))
                say(f"{suite} {vocab} {corpus} round {number + 1}: {name} "
                    f"{'same ids' if row['same'] else 'OTHER IDS' if row['same'] is False else 'ids not known'}")
                if row["same"] is False and name.startswith("ours"):
                    break  # No time for a wrong answer.
        self.keep(rows.values())

    def keep(self, rows):
        for row in rows:
            self.results["rows"] = [old for old in self.results["rows"] if key(old) != key(row)] + [row]
        write_json(self.path, self.results)

    # Suites

    def suite_definitions(self):
        """Measures nothing: tiktoken's answers for the texts of scripts/bench."""
        for vocab in self.vocabs:
            for corpus in self.corpora + ["tinyshakespeare"]:
                if os.path.exists(self.text(corpus)):
                    self.expected(corpus, vocab)

    def suite_encode(self):
        for vocab in self.vocabs:
            for corpus in self.corpora:
                contenders = {"ours": lambda: self.ours(vocab, corpus)}
                for name in ["gigatoken", "fastokens"] + (["quicktok"] if vocab != "gpt2" else []):
                    contenders[name] = lambda name=name: self.peer(name, vocab, corpus)
                self.compare("encode", vocab, corpus, contenders)

    def suite_slow(self):
        """tiktoken, Hugging Face's tokenizers and rs-bpe, on texts that are small enough."""
        for vocab in self.vocabs:
            for corpus in ["multilingual", "tinyshakespeare"]:
                contenders = {"ours": lambda: self.ours(vocab, corpus)}
                for name in ["tiktoken", "tokenizers"] + (["rs-bpe"] if vocab != "gpt2" else []):
                    contenders[name] = lambda name=name: self.peer(name, vocab, corpus)
                self.compare("slow", vocab, corpus, contenders, rounds=2)

    def suite_threads(self):
        for vocab in self.vocabs[:1]:
            for corpus in ["english-100MB"] + [name for name in self.corpora if name != "english"]:
                contenders = {
                    "ours, 1 thread": lambda: self.ours(vocab, corpus),
                    "ours": lambda: self.ours(vocab, corpus, threads=2),
                }
                for name in ["gigatoken", "gigatoken-documents", "fastokens"]:
                    contenders[name] = lambda name=name: self.peer(name, vocab, corpus, threads=2)
                self.compare("threads", vocab, corpus, contenders, threads=2)

    def suite_portable(self):
        self.compare("portable", "gpt2", "english", {
            "ours": lambda: self.ours("gpt2", "english", engine="portable"),
            "gigatoken": lambda: self.peer("gigatoken", "gpt2", "english"),
        })

    def suite_pathological(self):
        # rs-bpe and quicktok have no vocabulary of GPT-2's.
        peers = {"gpt2": ["gigatoken", "fastokens"], "cl100k": ["gigatoken", "fastokens", "quicktok", "rs-bpe"]}
        for vocab in [name for name in self.vocabs if name in peers]:
            for size in self.options.pathological_sizes.split(","):
                for kind in PATHOLOGICAL:
                    corpus = f"{kind}-{size}MB"
                    contenders = {"ours": lambda: self.ours(vocab, corpus, passes=0)}
                    wanted = self.options.peers.split(",") if self.options.peers else peers[vocab]
                    for name in [name for name in peers[vocab] if name in wanted]:
                        contenders[name] = lambda name=name: self.peer(name, vocab, corpus, passes=0, limit={})
                    self.compare("pathological", vocab, corpus, contenders, rounds=min(3, self.options.rounds))

    def suite_program(self):
        with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, ".build")) as folder:
            self.programs(folder)

    def programs(self, folder):
        ranks = f"{self.options.files}/r50k_base.tiktoken"
        out, u16 = os.path.join(folder, "out"), os.path.join(folder, "u16")
        encode = [self.program, "encode", "--vocab", "gpt2", "--format"]
        for corpus in ["english-100MB", "tinyshakespeare"]:
            text = self.text(corpus)
            if not os.path.exists(text):
                continue
            expected = self.expected(corpus, "gpt2")["ids"]
            subprocess.run([*encode, "u16", "-o", u16, text], check=True)
            self.whole(folder, corpus, {
                "ours to u16": ([*encode, "u16", "-o", out, text], lambda: ids_digest(out) == expected),
                "ours to u16, 1 thread": (
                    [*encode, "u16", "--threads", "1", "-o", out, text], lambda: ids_digest(out) == expected),
                "ours to u16, nothing prepared": (
                    [*encode, "u16", "-o", out, text], lambda: ids_digest(out) == expected, UNPREPARED),
                "script around gigatoken": (
                    [sys.executable, SCRIPTS + "/bench_gigatoken_script.py", ranks, text, out],
                    lambda: ids_digest(out) == expected),
                "script around gigatoken, bytes": (
                    [sys.executable, SCRIPTS + "/bench_gigatoken_bytes_script.py", ranks, text, out],
                    lambda: ids_digest(out) == expected),
                "ours to text": (
                    [*encode, "ids", "-o", out, text], lambda: decimal_digest(out) == expected),
                "ours from u16": (
                    [self.program, "decode", "--vocab", "gpt2", "--format", "u16", "-o", out, u16],
                    lambda: sha256(out) == sha256(text)),
                "cp": (["cp", text, out], lambda: True),
            })
        word = os.path.join(folder, "word")
        with open(word, "w") as file:
            file.write("hello")
        for vocab, right in {"gpt2": "31373\n", "cl100k": "15339\n", "o200k": "24912\n"}.items():
            path = "gpt2" if vocab == "gpt2" else f"{self.options.files}/{vocab}_base.tiktoken"
            contenders = {"ours, one word": None}
            if vocab == "gpt2":
                contenders["ours, one word, nothing prepared"] = UNPREPARED
            rows = {name: new_row("program", vocab, "one word", 2, name) for name in contenders}
            for _ in range(4 * self.options.rounds):
                for name, environment in contenders.items():
                    row = rows[name]
                    answer = run([self.program, "encode", "--vocab", path, word], subprocess.PIPE, environment)
                    row["bytes"], row["same"] = 5, row["same"] is not False and answer["text"].decode() == right
                    row["cold"].append(answer["seconds"])
                    row["memory"].append(answer["memory"])
            self.keep(rows.values())

    def whole(self, folder, corpus, commands):
        """Whole processes in turns, from start to end; the answer is checked each time, outside the time."""
        rows = {name: new_row("program", "gpt2", corpus, 2, name) for name in commands}
        for number in range(self.options.rounds):
            for name, (command, is_right, *environment) in commands.items():
                row = rows[name]
                if row["failed"]:
                    continue
                if "gigatoken" in name and "gigatoken" in self.missing:
                    row["failed"] = "not installed"
                    continue
                with contextlib.suppress(FileNotFoundError):
                    os.remove(os.path.join(folder, "out"))
                answer = run(command, environment=next(iter(environment), None))
                if answer["status"] != 0:
                    row["failed"] = answer["failed"]
                    continue
                row["same"] = is_right() and row["same"] is not False
                row["bytes"] = os.path.getsize(self.text(corpus))
                row["cold"].append(answer["seconds"])
                row["memory"].append(answer["memory"])
            say(f"program {corpus} round {number + 1}")
        self.keep(rows.values())


def new_row(suite, vocab, corpus, threads, contender):
    return {"suite": suite, "vocab": vocab, "corpus": corpus, "threads": threads, "contender": contender,
            "bytes": 0, "tokens": None, "same": None, "cold": [], "warm": [], "load": [], "memory": [], "failed": None}


def key(row):
    return [row[name] for name in ("suite", "vocab", "corpus", "threads", "contender")]


def ids_digest(path):
    return json.loads(output([sys.executable, WORKER, "digest", "2", path]))["sha256"]


def decimal_digest(path):
    return json.loads(output([sys.executable, WORKER, "digest", "text", path]))["sha256"]


if __name__ == "__main__":
    main()
