/* Counts the allocations of the process it is preloaded into.
 *
 * glibc lets a program replace malloc and its siblings; each of these passes the call on to glibc's
 * own and adds one. The program asks for the count with counted_allocations(). */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_uint_fast64_t count;

static void one(void) { atomic_fetch_add_explicit(&count, 1, memory_order_relaxed); }

uint64_t counted_allocations(void) {
    return atomic_load_explicit(&count, memory_order_relaxed);
}

void *malloc(size_t size) {
    one();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    one();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    one();
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    one();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    one();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    one();
    void *made = __libc_memalign(alignment, size);
    if (made == NULL) return ENOMEM;
    *memory = made;
    return 0;
}
