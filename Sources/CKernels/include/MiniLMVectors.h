// Products of float matrices by multiply-adds of vectors (AVX-512, or AVX2 with FMA).
#ifndef MINILM_VECTORS_H
#define MINILM_VECTORS_H

#include <stddef.h>

#include "MiniLMProducts.h"

// Whether the level in use (`minilm_level`) has them. The other functions are for such levels only, which they
// are told; what was packed for a level is for that one.
int minilm_has_vectors(void);

// How many bytes the packed form of a right operand (k, n) takes.
size_t minilm_vectors_packed_bytes(int level, size_t k, size_t n);
// How many panels of columns it is made of, and panels `first` ..< `last` of it.
size_t minilm_vectors_panels(int level, size_t n);
void minilm_vectors_pack(int level, const struct minilm_operand *b, size_t k, size_t n,
                         size_t first, size_t last, float *packed);

// C (m, n) = A (m, k)·B (k, n), or C + A·B with `add`; `packed` is null or B in packed form, which is then
// what is read. Packed or not, the bits are the same.
void minilm_vectors_product(int level, const struct minilm_operand *a,
                            const struct minilm_operand *b, const float *packed, float *c,
                            size_t stride, size_t m, size_t n, size_t k, int add);

#endif
