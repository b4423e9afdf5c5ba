/* A full disk for one test's Postgres, without root and without filling the machine's own: preloaded
 * into the server, it refuses with ENOSPC each write that would make a file longer, for as long as the
 * file exists that PENSTOCK_FULL_DISK names. A write into what a file has already succeeds, as on a
 * disk that is full. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whether a write that ends at `end` finds no room. It leaves errno as it is. */
static int has_no_room(int fd, off_t end) {
    int kept = errno;
    const char *full = getenv("PENSTOCK_FULL_DISK");
    struct stat file;
    int none = full && access(full, F_OK) == 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode)
               && end > file.st_size;
    errno = kept;
    return none;
}

static off_t length(const struct iovec *parts, int count) {
    off_t all = 0;
    for (int i = 0; i < count; i++) all += (off_t)parts[i].iov_len;
    return all;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSE_WITHOUT_ROOM(fd, end) \
    if (has_no_room(fd, end)) { errno = ENOSPC; return -1; }

ssize_t write(int fd, const void *bytes, size_t count) {
    static __typeof__(&write) next;
    if (!next) next = NEXT(write);
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at >= 0) REFUSE_WITHOUT_ROOM(fd, at + (off_t)count)
    return next(fd, bytes, count);
}

#define AT_A_PLACE(name)                                                      \
    ssize_t name(int fd, const void *bytes, size_t count, off_t at) {         \
        static __typeof__(&name) next;                                        \
        if (!next) next = NEXT(name);                                         \
        REFUSE_WITHOUT_ROOM(fd, at + (off_t)count)                            \
        return next(fd, bytes, count, at);                                    \
    }
#define PARTS_AT_A_PLACE(name)                                                \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at) {    \
        static __typeof__(&name) next;                                        \
        if (!next) next = NEXT(name);                                         \
        REFUSE_WITHOUT_ROOM(fd, at + length(parts, count))                    \
        return next(fd, parts, count, at);                                    \
    }
/* Allocation returns its error. */
#define ALLOCATION(name)                                                      \
    int name(int fd, off_t at, off_t count) {                                 \
        static __typeof__(&name) next;                                        \
        if (!next) next = NEXT(name);                                         \
        return has_no_room(fd, at + count) ? ENOSPC : next(fd, at, count);    \
    }

AT_A_PLACE(pwrite)
AT_A_PLACE(pwrite64)
PARTS_AT_A_PLACE(pwritev)
PARTS_AT_A_PLACE(pwritev64)
ALLOCATION(posix_fallocate)
ALLOCATION(posix_fallocate64)
