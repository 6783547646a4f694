// ICU's functions carry the version of the library in their symbol names. The inline wrappers here
// give them names that stay the same from one ICU to the next.
#ifndef CICU_SHIM_H
#define CICU_SHIM_H

#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/uversion.h>

#endif
