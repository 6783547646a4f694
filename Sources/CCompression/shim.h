// zlib and zstd are opened at run time (dlopen) when a compressed text is met, so nothing of their headers
// is needed: only the shapes of the functions that are looked up in them, as their interfaces fix them.
#ifndef CCOMPRESSION_SHIM_H
#define CCOMPRESSION_SHIM_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

// z_stream of zlib 1.
typedef struct {
  const uint8_t *next_in;
  unsigned int avail_in;
  unsigned long total_in;
  uint8_t *next_out;
  unsigned int avail_out;
  unsigned long total_out;
  const char *message;
  void *state;
  void *allocate;
  void *release;
  void *opaque;
  int data_type;
  unsigned long checksum;
  unsigned long reserved;
} ccompression_zlib_stream;

// Z_NO_FLUSH, Z_OK, Z_STREAM_END, Z_BUF_ERROR; 15 for the largest window, 16 more for gzip's header.
enum {
  CCOMPRESSION_NO_FLUSH = 0,
  CCOMPRESSION_OK = 0,
  CCOMPRESSION_STREAM_END = 1,
  CCOMPRESSION_BUFFER_ERROR = -5,
  CCOMPRESSION_GZIP_WINDOW = 15 + 16
};

typedef int (*ccompression_inflate_init_function)(ccompression_zlib_stream *stream, int window_bits,
                                                  const char *version, int stream_size);
typedef int (*ccompression_inflate_function)(ccompression_zlib_stream *stream, int flush);
typedef int (*ccompression_inflate_end_function)(ccompression_zlib_stream *stream);

// ZSTD_inBuffer, ZSTD_outBuffer.
typedef struct {
  const void *source;
  size_t size;
  size_t position;
} ccompression_zstd_input;

typedef struct {
  void *target;
  size_t size;
  size_t position;
} ccompression_zstd_output;

typedef void *(*ccompression_zstd_create_function)(void);
typedef size_t (*ccompression_zstd_free_function)(void *stream);
typedef size_t (*ccompression_zstd_decompress_function)(void *stream,
                                                        ccompression_zstd_output *output,
                                                        ccompression_zstd_input *input);
typedef unsigned int (*ccompression_zstd_is_error_function)(size_t code);
typedef const char *(*ccompression_zstd_error_name_function)(size_t code);

#endif
