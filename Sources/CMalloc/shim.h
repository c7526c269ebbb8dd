/// glibc's own settings of the allocator; Swift's Glibc leaves them out.
#if defined(__GLIBC__) || __has_include(<malloc.h>)
#include <malloc.h>
#endif
