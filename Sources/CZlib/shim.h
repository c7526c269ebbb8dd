#include <zlib.h>

/// `inflateInit2` is a macro; 15 + 16 reads gzip and checks its checksum.
static inline int czlib_begin_gunzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
