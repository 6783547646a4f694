// Products of float matrices by multiply-adds of vectors (AVX-512, or AVX2 with FMA), and by AVX-512's products of
// bfloat16.
#ifndef MINILM_VECTORS_H
#define MINILM_VECTORS_H

#include <stddef.h>

#include "MiniLMKernels.h"
#include "MiniLMProducts.h"

// A kind of vectors is one of the levels MINILM_AVX2 and MINILM_AVX512, or this one: operands rounded to bfloat16 (to
// the nearest, ties to even; what is denormal counts as 0), sums in float32.
enum { MINILM_BFLOAT16 = MINILM_AVX512 + 1 };

// Whether the level in use (`minilm_level`) has vectors. The other functions are for such levels only, which they
// are told; what was packed for a kind is for that one.
int minilm_has_vectors(void);
// Whether it has those of bfloat16.
int minilm_has_bfloat16(void);

// How many bytes the packed form of a right operand (k, n) takes.
size_t minilm_vectors_packed_bytes(int kind, size_t k, size_t n);
// How many panels of columns it is made of, and panels `first` ..< `last` of it.
size_t minilm_vectors_panels(int kind, size_t n);
void minilm_vectors_pack(int kind, const struct minilm_operand *b, size_t k, size_t n,
                         size_t first, size_t last, float *packed);

// C (m, n) = A (m, k)·B (k, n), or C + A·B with `add`; `packed` is null or B in packed form, which is then
// what is read. Packed or not, the bits are the same. `shape` says what is a triangle (see minilm_small_product): zeros
// of A have to be there, and are passed over where whole blocks are. Gives 0, with nothing done, where there is no
// memory for the scratch that bfloat16 needs, else 1.
int minilm_vectors_product(int kind, const struct minilm_operand *a,
                           const struct minilm_operand *b, const float *packed, float *c,
                           size_t stride, size_t m, size_t n, size_t k, int add, int shape);

#endif
