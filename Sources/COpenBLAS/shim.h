// OpenBLAS is opened at run time (dlopen), so nothing of its headers is needed: only the shapes of
// the functions that are looked up in it. Accelerate has the same ones.
#ifndef COPENBLAS_SHIM_H
#define COPENBLAS_SHIM_H

#include <dlfcn.h>

// CBLAS_ORDER and CBLAS_TRANSPOSE as the BLAS standard numbers them.
enum { COPENBLAS_ROW_MAJOR = 101, COPENBLAS_NO_TRANS = 111, COPENBLAS_TRANS = 112 };

typedef void (*copenblas_sgemm_function)(int order, int trans_a, int trans_b, int m, int n, int k,
                                         float alpha, const float *a, int lda, const float *b,
                                         int ldb, float beta, float *c, int ldc);
typedef void (*copenblas_set_threads_function)(int count);
typedef char *(*copenblas_corename_function)(void);

#endif
