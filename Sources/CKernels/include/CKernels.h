// The C leaf of the package: generated tables, and kernels for instructions that Swift cannot
// reach.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdint.h>

#include "key_kernels.h"
#include "merge_kernels.h"
#include "scalar_classes.h"
#include "split_kernels.h"
#include "streaming_copy.h"
#include "utf8_kernels.h"
#include "MiniLMKernels.h"
#include "MiniLMProducts.h"
#include "MiniLMVectors.h"
#include "prefetch.h"
#include "system_memory.h"
#include "thread_cores.h"

#endif
