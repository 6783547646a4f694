// Products of float matrices on the matrix unit of a processor (AMX), with float32's accuracy.
#ifndef MINILM_PRODUCTS_H
#define MINILM_PRODUCTS_H

#include <stddef.h>

// Whether the processor has a matrix unit for bfloat16 (AMX-BF16, with AVX-512) and the system lets this process
// use it. Asked of both once.
int minilm_has_matrix_unit(void);

// A matrix where it lies: rows of `stride` floats. `transposed` means that its transpose is there.
struct minilm_operand {
  const float *base;
  size_t stride;
  int transposed;
};

// How many bytes the packed form of a right operand (k, n) takes; it has to lie at a multiple of 64.
size_t minilm_packed_bytes(size_t k, size_t n);
// Columns `first` ..< `last` of B (k, n) in packed form, `first` being a multiple of 32: what products take
// in place of B as often as it is used.
void minilm_pack_right(const struct minilm_operand *b, size_t k, size_t n, size_t first,
                       size_t last, void *packed);

// C (m, n) = A (m, k)·B (k, n), or C + A·B with `add`; `packed` is null or B in packed form, which is then
// what is read. Only where there is a matrix unit. Gives 0, with nothing done, where there is no memory for
// scratch, else 1.
//
// Each element of C is off by no more than a small multiple of 2^-24 · sum |a||b|, as that of a loop in
// float32. What is denormal counts as 0, in the operands and in C. Where an operand holds an infinity (or
// is beyond 3.39e38) or a NaN, what depends on it is infinite or NaN.
int minilm_product(const struct minilm_operand *a, const struct minilm_operand *b,
                   const void *packed, float *c, size_t stride, size_t m, size_t n, size_t k,
                   int add);

#endif
