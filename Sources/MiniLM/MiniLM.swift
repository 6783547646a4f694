internal import Tokenizers
