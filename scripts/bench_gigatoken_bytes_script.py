"""The same on one thread, from bytes in memory: gigatoken without awkward arrays; see scripts/bench-peers."""

import sys

import gigatoken

with open(sys.argv[2], "rb") as file:
    ids = gigatoken.Tokenizer.from_tiktoken(sys.argv[1]).encode(file.read())
ids.astype("<u2").tofile(sys.argv[3])
