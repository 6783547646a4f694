#!/usr/bin/env python3
"""Writes fixtures/gpt: what PyTorch and transformers compute for small GPTs.

usage: scripts/make-gpt-reference.py [--check]     (needs torch, transformers and safetensors)

reference.jsonl: one case a line: shape, logits, loss, gradients and parameters after ten steps of AdamW,
in float64, by a GPT written plainly below. Of the large case every 29th number.
gpt2/: a GPT-2 of random weights as transformers saves it, with the masks that old files hold, and its
logits (logits.json).

--check compares with the committed files instead of writing them.
"""
import json
import math
import pathlib
import sys
import tempfile

import torch
from torch.nn import functional

TOP = pathlib.Path(__file__).resolve().parent.parent
TARGET = TOP / "fixtures/gpt"

SMALL = dict(vocabulary=7, width=4, heads=2, layers=2, feedForward=8, context=6, length=5, rows=3)
LARGE = dict(vocabulary=37, width=32, heads=2, layers=2, feedForward=72, context=70, length=67, rows=2)
CASES = [
    dict(SMALL, name="GPT-2", norm="pre", tied=True, bias=True, activation="gelu-tanh", positions="learned"),
    dict(SMALL, name="nanoGPT", norm="pre", tied=True, bias=False, activation="gelu", positions="learned"),
    dict(SMALL, name="untied", norm="pre", tied=False, bias=True, activation="relu", positions="sinusoidal"),
    dict(SMALL, name="post-norm", norm="post", tied=False, bias=True, activation="relu", positions="sinusoidal"),
    dict(SMALL, name="post-norm, tied", norm="post", tied=True, bias=False, activation="gelu", positions="learned"),
    dict(LARGE, name="large", norm="pre", tied=True, bias=True, activation="gelu", positions="learned"),
]


def tensors(case):
    """Names and shapes in the order of the Swift arena."""
    v, c, f = case["vocabulary"], case["width"], case["feedForward"]
    yield "wte", (v, c)
    if case["positions"] == "learned":
        yield "wpe", (case["context"], c)
    for layer in range(case["layers"]):
        for name, inputs, outputs in (("ln_1", None, c), ("c_attn", c, 3 * c), ("attn.c_proj", c, c),
                                      ("ln_2", None, c), ("c_fc", c, f), ("mlp.c_proj", f, c)):
            yield f"{layer}.{name}.weight", (outputs,) if inputs is None else (inputs, outputs)
            if case["bias"]:
                yield f"{layer}.{name}.bias", (outputs,)
    if case["norm"] == "pre":
        yield "ln_f.weight", (c,)
        if case["bias"]:
            yield "ln_f.bias", (c,)
    if not case["tied"]:
        yield "lm_head", (v, c)


def parameters(case):
    """The same small numbers that the Swift tests make."""
    made = {}
    for index, (name, shape) in enumerate(tensors(case)):
        count = math.prod(shape)
        values = torch.tensor([((7 * i + 5 * (i // 11) + 3 * index) % 17 - 8) / 16 for i in range(count)],
                              dtype=torch.float64)
        if ".ln_" in "." + name and name.endswith("weight"):
            values = values / 2 + 1
        made[name] = values.reshape(shape).requires_grad_()
    return made


def sines(length, width):
    table = torch.zeros(length, width, dtype=torch.float64)
    for position in range(length):
        for column in range(width):
            angle = position * 10000 ** (-(column // 2 * 2) / width)
            table[position, column] = math.sin(angle) if column % 2 == 0 else math.cos(angle)
    return table


def forward(case, p, ids):
    c, heads = case["width"], case["heads"]
    rows, length = ids.shape

    def linear(x, name):
        y = x @ p[name + ".weight"]
        return y + p[name + ".bias"] if case["bias"] else y

    def norm(x, name):
        return functional.layer_norm(x, (c,), p[name + ".weight"],
                                     p[name + ".bias"] if case["bias"] else None, 1e-5)

    def attention(x, layer):
        q, k, v = (t.view(rows, length, heads, c // heads).transpose(1, 2)
                   for t in linear(x, f"{layer}.c_attn").split(c, dim=2))
        scores = q @ k.transpose(2, 3) / math.sqrt(c // heads)
        mask = torch.tril(torch.ones(length, length, dtype=torch.bool))
        weights = functional.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)
        return linear((weights @ v).transpose(1, 2).reshape(rows, length, c), f"{layer}.attn.c_proj")

    def feed_forward(x, layer):
        function = {"gelu": functional.gelu, "relu": functional.relu,
                    "gelu-tanh": lambda t: functional.gelu(t, approximate="tanh")}[case["activation"]]
        return linear(function(linear(x, f"{layer}.c_fc")), f"{layer}.mlp.c_proj")

    positions = p["wpe"][:length] if case["positions"] == "learned" else sines(length, c)
    x = p["wte"][ids] + positions
    for layer in range(case["layers"]):
        if case["norm"] == "pre":
            x = x + attention(norm(x, f"{layer}.ln_1"), layer)
            x = x + feed_forward(norm(x, f"{layer}.ln_2"), layer)
        else:
            x = norm(x + attention(x, layer), f"{layer}.ln_1")
            x = norm(x + feed_forward(x, layer), f"{layer}.ln_2")
    if case["norm"] == "pre":
        x = norm(x, "ln_f")
    return x @ p["wte" if case["tied"] else "lm_head"].T


def numbers(case, values):
    flat = torch.cat([v.detach().reshape(-1) for v in values]).tolist()
    return [float(f"{x:.9g}") for x in (flat[::29] if case["name"] == "large" else flat)]


def reference(case):
    p = parameters(case)
    v, rows, length = case["vocabulary"], case["rows"], case["length"]
    ids = torch.tensor([(5 * i + i // 3) % v for i in range(rows * length + 1)])
    inputs, targets = ids[:-1].view(rows, length), ids[1:].view(rows, length)

    def loss():
        return functional.cross_entropy(forward(case, p, inputs).view(-1, v), targets.reshape(-1))

    first = loss()
    first.backward()
    result = dict(case, logits=numbers(case, [forward(case, p, inputs)]), loss=first.item(),
                  gradients=numbers(case, [t.grad for t in p.values()]))
    # nanoGPT's groups: matrices and embeddings decay, vectors do not.
    groups = [dict(params=[t for t in p.values() if t.dim() >= 2], weight_decay=0.1),
              dict(params=[t for t in p.values() if t.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    for step in range(10):
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(list(p.values()), 1.0)
        optimizer.step()
    result["afterTenSteps"] = numbers(case, p.values())
    result["lossAfterTenSteps"] = loss().item()
    return result


def transformers_model(folder):
    import transformers
    from safetensors.torch import load_file, save_file
    torch.manual_seed(1)
    config = transformers.GPT2Config(vocab_size=29, n_positions=12, n_embd=16, n_layer=2, n_head=4,
                                     bos_token_id=None, eos_token_id=None)
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.1 if parameter.dim() == 1 else 0.0, 0.3)
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    held = load_file(path)
    # What the files of GPT-2 on the hub have, and new versions of transformers no longer write.
    for layer in range(2):
        held[f"transformer.h.{layer}.attn.bias"] = torch.tril(torch.ones(12, 12)).view(1, 1, 12, 12)
        held[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    # And without the prefix, as those are.
    save_file({k.removeprefix("transformer."): t for k, t in held.items()}, path, {"format": "pt"})
    ids = [(7 * i + 3) % 29 for i in range(12)]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    text = json.dumps({"ids": ids, "logits": [[float(f"{x:.7g}") for x in row] for row in logits.tolist()]})
    (folder / "logits.json").write_text(text + "\n")
    for extra in folder.iterdir():
        if extra.name not in ("config.json", "model.safetensors", "logits.json"):
            extra.unlink()


def main():
    check = "--check" in sys.argv[1:]
    made = pathlib.Path(tempfile.mkdtemp())
    text = "".join(json.dumps(reference(case)) + "\n" for case in CASES)
    (made / "reference.jsonl").write_text(text)
    (made / "gpt2").mkdir()
    transformers_model(made / "gpt2")
    different = []
    for file in sorted(made.rglob("*")):
        if file.is_dir():
            continue
        target = TARGET / file.relative_to(made)
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        elif file.suffix == ".json" or file.suffix == ".safetensors":
            # Written by transformers, whose versions differ in what they write.
            continue
        elif target.read_bytes() != file.read_bytes():
            different.append(str(target.relative_to(TOP)))
    if different:
        sys.exit("different: " + ", ".join(different))
    print("as PyTorch computes it" if check else "written")


main()
