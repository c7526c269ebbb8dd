#include <zlib.h>

/// `inflateInit2` is a macro; 15 + 32 reads gzip and zlib, by their first bytes, and checks them.
static inline int czlib_begin_inflate(z_stream *stream) { return inflateInit2(stream, 15 + 32); }

/// Reads a stream without a header and without a checksum.
static inline int czlib_begin_raw_inflate(z_stream *stream) { return inflateInit2(stream, -15); }
