"""What a user of gigatoken would write to turn a text into a file of 16-bit ids; see scripts/bench-peers."""

import sys

import awkward
import gigatoken
import numpy

tokenizer = gigatoken.Tokenizer.from_tiktoken(sys.argv[1])
ids = tokenizer.encode_files([sys.argv[2]])
numpy.asarray(awkward.flatten(ids, axis=None)).astype("<u2").tofile(sys.argv[3])
