// PCRE2 asks for the width of a code unit before its header is read.
#ifndef CPATTERNLIBRARY_SHIM_H
#define CPATTERNLIBRARY_SHIM_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#endif
