"""The Python half of scripts/compare-with-transformers."""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

program, text = sys.argv[1:]
BLOCK = 32
SHAPES = {
    "plain": [],
    "with biases": ["--bias"],
    "not tied": ["--no-tied"],
    "sines": ["--positions", "sinusoidal"],
    "tanh": ["--activation", "gelu-tanh", "--bias"],
    "relu, wide": ["--activation", "relu", "--feed-forward", "50"],
}


def run(*arguments):
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True).stdout


@torch.no_grad()
def their_loss(folder, ids):
    """Windows one after the other, the last with all that it can see: as 'lm eval --stride BLOCK' has them."""
    model = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    total, done, last = 0.0, 0, len(ids) - 1
    while done < last:
        counted = min(BLOCK, last - done)
        length = min(BLOCK, done + counted)
        start = done + counted - length
        logits = model(torch.tensor([ids[start:start + length]])).logits[0, length - counted:]
        targets = torch.tensor(ids[done + 1:done + counted + 1])
        total += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
        done += counted
    return total / last


def our_loss(folder):
    return json.loads(run("lm", "eval", folder, "--stride", BLOCK, "--context", BLOCK, "--json", text))["loss"]


worst = 0.0
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for shape, options in SHAPES.items():
        run("lm", "train", "--model", "gpt", "--layers", 2, "--heads", 4, "--width", 32, "--block-size", BLOCK,
            "--steps", 60, "--seed", 1, "--vocab", "char", "-q", "--force", "-o", folder / "run", *options, text)
        ids = [int(i) for i in run("encode", "--vocab", folder / "run/tokenizer", text).split()]
        ours, theirs = our_loss(folder / "run"), their_loss(folder / "run", ids)
        print(f"{shape}: {ours:.6f} here, {theirs:.6f} in transformers")
        worst = max(worst, abs(ours - theirs))
    # The other way: weights drawn there, the tokenizer of the last run.
    torch.manual_seed(2)
    vocabulary = json.loads((folder / "run/config.json").read_text())["vocab_size"]
    config = transformers.GPT2Config(vocab_size=vocabulary, n_positions=BLOCK, n_embd=48, n_layer=3, n_head=6,
                                     initializer_range=0.2, bos_token_id=None, eos_token_id=None)
    model = transformers.GPT2LMHeadModel(config)
    for place, size in (("theirs", "1GB"), ("shards", "100KB")):
        model.save_pretrained(folder / place, max_shard_size=size)
        files = len(list((folder / place).glob("*.safetensors")))
        if (files > 1) != (place == "shards"):
            sys.exit(f"transformers made {files} files of at most {size}")
        (folder / place / "tokenizer").mkdir()
        for file in (folder / "run/tokenizer").iterdir():
            (folder / place / "tokenizer" / file.name).write_bytes(file.read_bytes())
        ours, theirs = our_loss(folder / place), their_loss(folder / place, ids)
        print(f"saved by transformers in {files} files: {ours:.6f} here, {theirs:.6f} there")
        worst = max(worst, abs(ours - theirs))
if worst > 1e-4:
    sys.exit(f"the largest difference is {worst}")
