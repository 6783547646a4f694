"""PyTorch's half of scripts/bench-lm: nanoGPT's model, optimizer groups and sampling, written plainly, and the
table of both halves. Runs are interleaved: ours in a process of its own, then PyTorch's, and so on."""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional

RECIPES = {
    "nanogpt-cpu": dict(block=64, batch=12, layers=4, heads=4, width=128),
    "baby-gpt": dict(block=256, batch=64, layers=6, heads=6, width=384),
}


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return functional.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class Block(nn.Module):
    def __init__(self, r):
        super().__init__()
        c = r["width"]
        self.heads = r["heads"]
        self.norm1, self.norm2 = Norm(c), Norm(c)
        self.qkv = nn.Linear(c, 3 * c, bias=False)
        self.out = nn.Linear(c, c, bias=False)
        self.fc = nn.Linear(c, 4 * c, bias=False)
        self.proj = nn.Linear(4 * c, c, bias=False)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (s.view(b, t, self.heads, c // self.heads).transpose(1, 2)
                   for s in self.qkv(self.norm1(x)).split(c, dim=2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(b, t, c))
        return x + self.proj(functional.gelu(self.fc(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, r, vocabulary):
        super().__init__()
        self.block = r["block"]
        self.wte = nn.Embedding(vocabulary, r["width"])
        self.wpe = nn.Embedding(r["block"], r["width"])
        self.blocks = nn.ModuleList(Block(r) for _ in range(r["layers"]))
        self.norm = Norm(r["width"])
        for name, p in self.named_parameters():
            if p.dim() >= 2:
                residual = name.endswith("out.weight") or name.endswith("proj.weight")
                nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * r["layers"]) if residual else 0.02)

    def forward(self, ids, targets=None):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        if targets is None:
            return functional.linear(x[:, [-1], :], self.wte.weight), None
        logits = functional.linear(x, self.wte.weight)
        return logits, functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))

    @torch.no_grad()
    def generate(self, ids, count, temperature, top_k):
        for _ in range(count):
            logits, _ = self(ids[:, -self.block:])
            logits = logits[:, -1, :] / temperature
            least = torch.topk(logits, min(top_k, logits.shape[-1])).values[:, [-1]]
            logits[logits < least] = -math.inf
            ids = torch.cat((ids, torch.multinomial(functional.softmax(logits, dim=-1), 1)), dim=1)
        return ids


def optimizer_of(model):
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    return torch.optim.AdamW([dict(params=matrices, weight_decay=0.1),
                              dict(params=vectors, weight_decay=0.0)], lr=1e-3, betas=(0.9, 0.99))


def batch_of(data, r):
    at = torch.randint(len(data) - r["block"], (r["batch"],))
    x = torch.stack([data[i:i + r["block"]] for i in at])
    y = torch.stack([data[i + 1:i + 1 + r["block"]] for i in at])
    return x, y


def train_step(model, optimizer, data, r, autocast=False):
    x, y = batch_of(data, r)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        _, loss = model(x, y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def torch_steps(model, optimizer, data, r, count, autocast=False):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        train_step(model, optimizer, data, r, autocast)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def ours(program, *arguments, environment=None):
    output = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True,
                            env=os.environ | (environment or {})).stdout
    return json.loads(output)


class Table:
    def __init__(self):
        print("| figure | ours | PyTorch | ratio | at least |")
        print("| --- | ---: | ---: | ---: | ---: |")

    def row(self, name, us, them, ratio, floor):
        print(f"| {name} | {us} | {them} | {ratio} | {floor} |", flush=True)


def step_rows(table, o, only):
    haswell = {"OPENBLAS_CORETYPE": "Haswell"}
    for preset, threads, floor, steps, rounds, environment, note in (
            ("nanogpt-cpu", 2, 0.35, 40, o.rounds, {}, ""),
            ("nanogpt-cpu", 1, 0.39, 30, o.rounds, {}, ""),
            ("nanogpt-cpu", 1, "", 30, min(o.rounds, 3), haswell, ", OPENBLAS_CORETYPE=Haswell"),
            ("nanogpt-cpu", 1, "", 30, min(o.rounds, 3), {"MINILM_MATMUL": "blas"}, ", ours by OpenBLAS"),
            ("baby-gpt", 2, 0.36, 1, min(o.rounds, 3), {}, "")):
        if ("baby" if preset == "baby-gpt" else "step") not in only:
            continue
        torch.set_num_threads(threads)
        r = RECIPES[preset]
        torch.manual_seed(1)
        data = torch.randint(65, (200_000,))
        model = GPT(r, 65)
        optimizer = optimizer_of(model)
        # Ours and PyTorch's of each precision; PyTorch's autocast is its way to bfloat16.
        precisions = ["float32"] if environment or not o.has_bfloat16 else ["float32", "bfloat16"]
        for precision in precisions:
            torch_steps(model, optimizer, data, r, 3 if preset == "nanogpt-cpu" else 1, precision == "bfloat16")
        us, them = {p: [] for p in precisions}, {p: [] for p in precisions}
        for _ in range(rounds):
            for precision in precisions:
                result = ours(o.bench, "step", "--preset", preset, "--threads", threads, "--steps", steps,
                              "--precision", precision, environment=environment)
                us[precision].append(result["milliseconds"])
                them[precision].append(torch_steps(model, optimizer, data, r, steps, precision == "bfloat16"))
        for ours_in, theirs_in, which in (("float32", "float32", ""), ("bfloat16", "float32", ", ours in bfloat16"),
                                          ("bfloat16", "bfloat16", ", both in bfloat16")):
            if ours_in not in precisions:
                continue
            a, b = us[ours_in], them[theirs_in]
            ratio = statistics.median(x / y for x, y in zip(a, b))
            table.row(f"step of {preset}, {threads} thread{'s' * (threads > 1)}{note}{which}",
                      f"{statistics.median(a):.1f} ms", f"{statistics.median(b):.1f} ms", f"{ratio:.3f}", floor)


def sample_rows(table, o):
    torch.set_num_threads(1)
    r = RECIPES["nanogpt-cpu"]
    model = GPT(r, 65).eval()
    for name, tokens, texts, floor in (("sampling inside the block, 1 thread", 63, 1, "20 ×"),
                                       ("8 texts side by side inside the block, 1 thread", 63, 8, ""),
                                       ("sampling 500 tokens with exact cropping", 500, 1, "2 ×")):
        us, them = [], []
        for _ in range(o.rounds):
            us.append(ours(o.bench, "sample", "--tokens", tokens, "--texts", texts)["tokensPerSecond"])
            start = time.perf_counter()
            model.generate(torch.ones(texts, 1, dtype=torch.long), tokens, 0.8, 200)
            them.append(texts * tokens / (time.perf_counter() - start))
        ratio = statistics.median(a / b for a, b in zip(us, them))
        table.row(name, f"{statistics.median(us):,.0f}/s", f"{statistics.median(them):,.0f}/s", f"{ratio:.1f} ×", floor)


def characters(text):
    alphabet = sorted(set(text))
    index = {c: i for i, c in enumerate(alphabet)}
    ids = torch.tensor([index[c] for c in text])
    cut = int(0.9 * len(ids))
    return ids[:cut], ids[cut:], len(alphabet)


@torch.no_grad()
def whole_loss(model, data, block):
    """The mean loss over all of the text, windows one after the other."""
    count = (len(data) - 1) // block
    total, seen = 0.0, 0
    for start in range(0, count, 64):
        n = min(64, count - start)
        x = data[start * block:(start + n) * block].view(n, block)
        y = data[start * block + 1:(start + n) * block + 1].view(n, block)
        total += model(x, y)[1].item() * n * block
        seen += n * block
    return total / seen


# A child's peak memory counts from that of the process it was forked from, which with torch in it is large:
# a small process in between starts it.
WATCH = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def peak_of(arguments):
    """Wall time and peak memory of a process, in seconds and MB, and its standard output."""
    watched = subprocess.run([sys.executable, "-I", "-S", "-c", WATCH, *map(str, arguments)], capture_output=True,
                             text=True)
    if watched.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, arguments))}")
    seconds, peak = watched.stderr.split()
    return float(seconds), int(peak) * (1 if sys.platform == "darwin" else 1024) / 1e6, watched.stdout


def run_rows(table, o):
    """The whole recipe: both in processes of their own, text to checkpoint."""
    # The recipe as it is; where there is bfloat16 with that, and with an average of the parameters.
    variants = [("float32", "", [])] + [
        ("bfloat16", ", ours in bfloat16", []),
        ("bfloat16", ", ours in bfloat16 with --ema-decay 0.98", ["--ema-decay", "0.98"])] * o.has_bfloat16
    ours_times, theirs, losses = {v[1]: [] for v in variants}, [], {v[1]: [] for v in variants}
    peak = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, o.seeds + 1):
            for precision, which, extra in variants:
                seconds, memory, _ = peak_of(
                    [o.program, "lm", "train", "--preset", "nanogpt-cpu", "--vocab", "char", "--seed", str(seed),
                     "--precision", precision, "--threads", "2", *extra, "-q", "--force", "-o", folder + "/run", o.text])
                peak = max(peak, memory)
                ours_times[which].append(seconds)
                log = pathlib.Path(folder, "run", "log.jsonl").read_text().splitlines()
                losses[which].append(json.loads(log[-1])["validationLoss"])
            if len(theirs) < o.torch_runs:
                seconds, their_memory, text = peak_of(
                    [sys.executable, __file__, "--torch-run", "--text", o.text, "--folder", folder, "--seed", str(seed)])
                theirs.append((seconds, float(text), their_memory))
        first = []
        for _ in range(11):
            start = time.perf_counter()
            process = subprocess.Popen([o.program, "lm", "sample", folder + "/run", "--prompt", "The ", "--seed", "1"],
                                       stdout=subprocess.PIPE, bufsize=0)
            # The prompt is shown at once; the first token is the fifth byte.
            while len(os.read(process.stdout.fileno(), 5)) < 1:
                pass
            process.stdout.read(1)
            first.append((time.perf_counter() - start) * 1000)
            process.stdout.read()
            process.wait()
    their = statistics.median(t[0] for t in theirs)
    for _, which, _ in variants:
        seconds = statistics.median(ours_times[which])
        table.row(f"whole nanogpt-cpu run, text to checkpoint{which}", f"{seconds:.1f} s", f"{their:.1f} s",
                  f"{seconds / their:.3f}", 0.32)
        table.row(f"its loss over all of the validation text, mean of {o.seeds} seeds{which}",
                  f"{statistics.mean(losses[which]):.4f}", f"{statistics.mean(t[1] for t in theirs):.4f}", "", "1.90")
    table.row("its peak memory", f"{peak:.0f} MB", f"{statistics.median(t[2] for t in theirs):.0f} MB", "", "90 MB")
    table.row("`lm sample`, start to first token", f"{statistics.median(first):.0f} ms", "", "", "60 ms")


def torch_run(o):
    r = RECIPES["nanogpt-cpu"]
    torch.set_num_threads(2)
    torch.manual_seed(o.seed)
    train, validation, vocabulary = characters(pathlib.Path(o.text).read_text())
    model = GPT(r, vocabulary)
    optimizer = optimizer_of(model)
    for step in range(2000):
        rate = 1e-3 * (step + 1) / 101 if step < 100 else \
            1e-4 + 0.5 * (1 + math.cos(math.pi * (step - 100) / 1900)) * 9e-4
        for group in optimizer.param_groups:
            group["lr"] = rate
        if step % 250 == 0:
            with torch.no_grad():
                for part in (train, validation):
                    for _ in range(20):
                        model(*batch_of(part, r))
        train_step(model, optimizer, train, r)
    torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict()), o.folder + "/checkpoint.pt")
    print(whole_loss(model, validation, r["block"]))


def bigram_row(table, o):
    torch.set_num_threads(1)
    train, validation, vocabulary = characters(pathlib.Path(o.text).read_text())
    r = dict(block=8, batch=32)
    with tempfile.TemporaryDirectory() as folder:
        us, _, _ = peak_of(
            [o.program, "lm", "train", "--model", "bigram", "--vocab", "char", "--batch-size", "32", "--block-size", "8",
             "--steps", "10000", "--learning-rate", "1e-3", "--schedule", "constant", "--optimizer", "adamw",
             "--weight-decay", "0.01", "--eval-interval", "10000", "--threads", "1", "--seed", "1", "-q",
             "-o", folder + "/run", o.text])
        log = pathlib.Path(folder, "run", "log.jsonl").read_text().splitlines()
        loss = json.loads(log[-1])["validationLoss"]
    torch.set_num_threads(1)
    table_of_logits = nn.Embedding(vocabulary, vocabulary)
    optimizer = torch.optim.AdamW(table_of_logits.parameters(), lr=1e-3)
    start = time.perf_counter()
    for _ in range(10000):
        x, y = batch_of(train, r)
        logits = table_of_logits(x)
        functional.cross_entropy(logits.view(-1, vocabulary), y.view(-1)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    them = time.perf_counter() - start
    with torch.no_grad():
        their_loss = functional.cross_entropy(table_of_logits(validation[:-1]), validation[1:]).item()
    table.row("bigram, 10,000 steps", f"{us:.2f} s", f"{them:.2f} s", f"{us / them:.3f}", 0.2)
    table.row("its loss over all of the validation text", f"{loss:.4f}", f"{their_loss:.4f}", "", "2.4819 ± 0.02")


def baby_memory_row(table, o):
    _, us, _ = peak_of([o.bench, "step", "--preset", "baby-gpt", "--threads", "2", "--steps", "1"])
    _, them, _ = peak_of([sys.executable, __file__, "--torch-baby"])
    table.row("peak memory, baby-gpt", f"{us:.0f} MB", f"{them:.0f} MB", f"{us / them:.3f}", 0.5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench")
    parser.add_argument("--program")
    parser.add_argument("--text")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--torch-runs", type=int, default=1)
    parser.add_argument("--only", default="step,sample,bigram,run,baby")
    parser.add_argument("--torch-run", action="store_true")
    parser.add_argument("--torch-baby", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    # Where there are no products of bfloat16 the program of the benchmark refuses.
    o.has_bfloat16 = o.bench is not None and subprocess.run(
        [o.bench, "step", "--steps", "1", "--precision", "bfloat16"], capture_output=True).returncode == 0
    if o.torch_run:
        return torch_run(o)
    if o.torch_baby:
        torch.set_num_threads(2)
        r = RECIPES["baby-gpt"]
        model = GPT(r, 65)
        return torch_steps(model, optimizer_of(model), torch.randint(65, (200_000,)), r, 1)
    only = o.only.split(",")
    table = Table()
    if "step" in only or "baby" in only:
        step_rows(table, o, only)
    if "sample" in only:
        sample_rows(table, o)
    if "bigram" in only and o.text:
        bigram_row(table, o)
    if "baby" in only:
        baby_memory_row(table, o)
    if "run" in only and o.text:
        run_rows(table, o)


main()
