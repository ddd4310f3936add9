/*
 * Stands between a process and its C library: writes down every call that changes what a disk holds, and
 * every byte that leaves through a socket, in the order in which they happen; and lets calls fail on demand.
 * `preload.ts` compiles it, `events.ts` reads what it writes down and says what the fields mean.
 *
 * A call is written down before it is made, and again with its result. Each line of the record is one write
 * to a file opened for appending: what stands earlier in it has happened earlier.
 *
 *   DISK_TRACE_FILE   where it is written down
 *   DISK_TRACE_ROOT   only files at or below this directory are of interest
 *   DISK_TRACE_FAULT  KIND@CLASS:N, the fault of the N-th call of a class; see `struct fault`
 *   DISK_TRACE_GATE   a call that hangs goes on when there is a file of this name
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same numbers stand in `events.ts`. */
enum op { OPEN = 1, WRITE, SYNC, RENAME, UNLINK, MKDIR, TRUNCATE, READ, SEND, STRANGE };
enum phase { BEGIN = 0, END = 1 };

struct head {
  uint32_t size; /* of the whole entry, bytes */
  uint8_t op;
  uint8_t phase;
  uint16_t text; /* bytes of the paths that follow, a line feed between two; the data come behind them */
  uint32_t id;   /* the same at the beginning and the end of a call of this process */
  int32_t fd;
  int64_t offset; /* of a write; flags of an open; length of a truncation; local port of a socket */
  int64_t result; /* at the beginning, of a write: its length; of a send: the remote port */
  int32_t error;  /* errno, 0 for success */
  int32_t fault;  /* 1 where the call was tampered with */
  uint32_t process;
  uint32_t unused;
};

#define FDS 4096

static struct {
  int trace;
  char root[PATH_MAX];
  size_t root_length;
  const char *gate;
} self = {.trace = -1};

/* Files below the root that are open, by descriptor. That one is closed is not seen: libuv does it by itself. */
static struct {
  uint8_t is_ours;
  dev_t device;
  ino_t inode;
} files[FDS];
/* Writes to it fail with ENOSPC: the next one, or all. A short write has been the warning. */
static enum { ROOM = 0, FULL_ONCE, FULL } room[FDS];
static uint32_t calls;

/*
 * KIND: EIO, ENOSPC, EINTR (the call does nothing and fails), short (half of a write is written), moment (the
 * same, and the next write to the file fails with ENOSPC), full (the same, and all further ones do), hang (the
 * call waits for the gate). libuv goes on after a short write by itself; what Node calls a short write is one
 * after which another has failed.
 * CLASS: any, write, sync, name (rename, unlink, mkdir), open, read. N: from 1, or * for every one; of calls
 * that are interrupted every second one.
 */
static struct fault {
  char kind[16];
  char class[16];
  uint32_t number; /* 0 for every one */
  uint32_t seen;
} fault;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("DISK_TRACE_FILE"), *root = getenv("DISK_TRACE_ROOT");
  const char *wanted = getenv("DISK_TRACE_FAULT");
  if (file == NULL || root == NULL) return;
  self.root_length = strlen(root);
  if (self.root_length >= PATH_MAX) abort();
  strcpy(self.root, root);
  self.gate = getenv("DISK_TRACE_GATE");
  if (wanted != NULL) {
    char number[16];
    if (sscanf(wanted, "%15[A-Za-z]@%15[a-z]:%15[0-9*]", fault.kind, fault.class, number) != 3) abort();
    fault.number = number[0] == '*' ? 0 : (uint32_t)atoi(number);
  }
  self.trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (self.trace < 0) abort();
}

/* One system call, so that entries never mix; what cannot be written down must not happen unseen. */
static void note(struct head head, const char *text, const struct iovec *data, int count) {
  struct iovec all[2 + 64];
  size_t size = sizeof head;
  if (count > 64) abort();
  head.text = (uint16_t)strlen(text);
  head.process = (uint32_t)getpid();
  all[0] = (struct iovec){&head, sizeof head};
  all[1] = (struct iovec){(void *)text, head.text};
  size += head.text;
  for (int i = 0; i < count; i++) {
    all[2 + i] = data[i];
    size += data[i].iov_len;
  }
  head.size = (uint32_t)size;
  if (syscall(SYS_writev, self.trace, all, 2 + count) != (long)size) abort();
}

static const char *below(const char *path) {
  if (self.trace < 0 || path == NULL || strncmp(path, self.root, self.root_length) != 0) return NULL;
  if (path[self.root_length] == 0) return "";
  return path[self.root_length] == '/' ? path + self.root_length + 1 : NULL;
}

/* The descriptor is still that of the file: the number may have been given to something else since. */
static int ours(int fd) {
  struct stat now;
  if (self.trace < 0 || fd < 0 || fd >= FDS || !files[fd].is_ours) return 0;
  int saved = errno;
  int same = fstat(fd, &now) == 0 && now.st_dev == files[fd].device && now.st_ino == files[fd].inode;
  errno = saved;
  if (!same) files[fd].is_ours = 0;
  return same;
}

static void remember(int fd) {
  struct stat now;
  if (fd >= FDS || fstat(fd, &now) != 0) abort();
  files[fd].is_ours = 1;
  files[fd].device = now.st_dev;
  files[fd].inode = now.st_ino;
  room[fd] = ROOM;
}

/* The fault that is due at this call, or NULL. */
static const char *due(const char *class) {
  if (fault.kind[0] == 0) return NULL;
  if (strcmp(fault.class, "any") != 0 && strcmp(fault.class, class) != 0) return NULL;
  uint32_t now = __atomic_add_fetch(&fault.seen, 1, __ATOMIC_SEQ_CST);
  if (fault.number != 0) return now == fault.number ? fault.kind : NULL;
  /* Who tries again after an interruption must come to an end. */
  return strcmp(fault.kind, "EINTR") == 0 && now % 2 == 0 ? NULL : fault.kind;
}

/* @returns an errno with which the call fails without being made; 0 for a call that is made */
static int suffer(const char *kind) {
  if (kind == NULL) return 0;
  if (strcmp(kind, "EIO") == 0) return EIO;
  if (strcmp(kind, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(kind, "EINTR") == 0) return EINTR;
  if (strcmp(kind, "hang") == 0) {
    while (self.gate == NULL || access(self.gate, F_OK) != 0) usleep(5000);
  }
  return 0;
}

static uint32_t next_call(void) { return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST); }

/*
 * A call on names or descriptors: written down, made unless it must fail, and written down again. `call` leaves
 * its result in `result`.
 */
#define RECORD(operation, class, descriptor, position, path, call) \
  const char *kind = due(class); \
  struct head head = {.op = operation, .id = next_call(), .fd = descriptor, .offset = position, \
                      .fault = kind != NULL}; \
  note(head, path, NULL, 0); \
  long result = -1; \
  errno = suffer(kind); \
  if (errno == 0) { \
    result = call; \
    if (result >= 0) errno = 0; \
  } \
  int error = result < 0 ? errno : 0; \
  head.phase = END; \
  head.result = result; \
  head.error = error

#define FINISH(path) \
  note(head, path, NULL, 0); \
  errno = error; \
  return result

static int open_below(const char *path, int flags, mode_t mode) {
  const char *inside = below(path);
  if (inside == NULL) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  RECORD(OPEN, "open", -1, flags, inside, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (result >= 0) remember((int)result);
  head.fd = (int32_t)result;
  FINISH(inside);
}

static mode_t mode_of(int flags, va_list list) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = mode_of(flags, list);
  va_end(list);
  return open_below(path, flags | O_LARGEFILE, mode);
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = mode_of(flags, list);
  va_end(list);
  return open_below(path, flags, mode);
}

static int is_zero(const uint8_t *bytes, size_t length) {
  return length > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* Where a write without an offset takes place. */
static int64_t position_of(int fd) { return lseek(fd, 0, SEEK_CUR); }

static ssize_t write_below(int fd, const uint8_t *bytes, size_t length, int64_t offset, int is_positioned) {
  const char *kind = due("write");
  if (!is_positioned) offset = position_of(fd);
  struct head head = {.op = WRITE, .id = next_call(), .fd = fd, .offset = offset,
                      .result = (int64_t)length, .fault = kind != NULL};
  note(head, "", NULL, 0);
  int failure = room[fd] != ROOM ? ENOSPC : suffer(kind);
  if (room[fd] == FULL_ONCE) room[fd] = ROOM;
  ssize_t result = -1;
  if (failure == 0) {
    int is_moment = kind != NULL && strcmp(kind, "moment") == 0;
    int is_full = kind != NULL && strcmp(kind, "full") == 0;
    if (length > 1 && (is_moment || is_full || (kind != NULL && strcmp(kind, "short") == 0))) {
      length /= 2;
      if (is_full || is_moment) room[fd] = is_full ? FULL : FULL_ONCE;
    }
    result = is_positioned ? (ssize_t)syscall(SYS_pwrite64, fd, bytes, length, offset)
                           : (ssize_t)syscall(SYS_write, fd, bytes, length);
    failure = result < 0 ? errno : 0;
  }
  head.phase = END;
  head.result = result;
  head.error = failure;
  struct iovec data = {(void *)bytes, result > 0 ? (size_t)result : 0};
  /* A segment is filled with zeros, megabytes of them: they are told by their number alone. */
  note(head, "", &data, data.iov_len > 0 && !is_zero(bytes, data.iov_len));
  errno = failure;
  return result;
}

/* At most one vector is written: the rest is for the next call, as after any short write. */
static ssize_t write_vectors(int fd, const struct iovec *vectors, int count, int64_t offset, int is_positioned) {
  for (int i = 0; i < count; i++) {
    if (vectors[i].iov_len > 0)
      return write_below(fd, vectors[i].iov_base, vectors[i].iov_len, offset, is_positioned);
  }
  return 0;
}

static int port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (name(fd, (struct sockaddr *)&address, &length) != 0) return -1;
  if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
  return -1;
}

/* What leaves through a socket of the network: before it does, and how much of it did. */
static int tell_send(struct head *head, int fd, const struct iovec *vectors, int count) {
  if (self.trace < 0 || fd == self.trace) return 0;
  int local = port_of(fd, getsockname);
  if (local < 0) return 0;
  *head = (struct head){.op = SEND, .id = next_call(), .fd = fd, .offset = local,
                        .result = port_of(fd, getpeername)};
  if (count > 64) count = 64;
  note(*head, "", vectors, count);
  return count;
}

#define SENDING(fd, vectors, count, call) \
  struct head head; \
  int told = tell_send(&head, fd, vectors, count); \
  ssize_t result = call; \
  if (told > 0) { \
    int error = errno; \
    head.phase = END; \
    head.result = result; \
    head.error = result < 0 ? error : 0; \
    note(head, "", NULL, 0); \
    errno = error; \
  } \
  return result

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  if (ours(fd)) return write_below(fd, bytes, length, offset, 1);
  return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

ssize_t pwritev64(int fd, const struct iovec *vectors, int count, off64_t offset) {
  REAL(pwritev64);
  if (ours(fd)) return write_vectors(fd, vectors, count, offset, 1);
  return real(fd, vectors, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *vectors, int count, off_t offset) {
  return pwritev64(fd, vectors, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (ours(fd)) return write_below(fd, bytes, length, 0, 0);
  struct iovec vector = {(void *)bytes, length};
  SENDING(fd, &vector, 1, syscall(SYS_write, fd, bytes, length));
}

ssize_t writev(int fd, const struct iovec *vectors, int count) {
  REAL(writev);
  if (ours(fd)) return write_vectors(fd, vectors, count, 0, 0);
  if (count > 64) count = 64;
  SENDING(fd, vectors, count, real(fd, vectors, count));
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  REAL(send);
  struct iovec vector = {(void *)bytes, length};
  SENDING(fd, &vector, 1, real(fd, bytes, length, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(sendmsg);
  if (message->msg_iovlen > 64) abort();
  SENDING(fd, message->msg_iov, (int)message->msg_iovlen, real(fd, message, flags));
}

int fsync(int fd) {
  REAL(fsync);
  if (!ours(fd)) return real(fd);
  RECORD(SYNC, "sync", fd, 0, "", real(fd));
  FINISH("");
}

int fdatasync(int fd) {
  REAL(fdatasync);
  if (!ours(fd)) return real(fd);
  RECORD(SYNC, "sync", fd, 0, "", real(fd));
  FINISH("");
}

int rename(const char *from, const char *to) {
  REAL(rename);
  const char *a = below(from), *b = below(to);
  if (a == NULL && b == NULL) return real(from, to);
  char both[2 * PATH_MAX];
  snprintf(both, sizeof both, "%s\n%s", a == NULL ? "?" : a, b == NULL ? "?" : b);
  RECORD(RENAME, "name", -1, 0, both, real(from, to));
  FINISH(both);
}

int unlink(const char *path) {
  REAL(unlink);
  const char *inside = below(path);
  if (inside == NULL) return real(path);
  RECORD(UNLINK, "name", -1, 0, inside, real(path));
  FINISH(inside);
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  const char *inside = below(path);
  if (inside == NULL) return real(path, mode);
  RECORD(MKDIR, "name", -1, 0, inside, real(path, mode));
  FINISH(inside);
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  if (!ours(fd)) return real(fd, length);
  RECORD(TRUNCATE, "write", fd, length, "", real(fd, length));
  FINISH("");
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  REAL(pread64);
  if (!ours(fd)) return real(fd, bytes, length, offset);
  RECORD(READ, "read", fd, offset, "", real(fd, bytes, length, offset));
  FINISH("");
}

/* Ways to change a file that nobody here follows: that one is used is told, and the judge refuses it. */
static void strange(const char *what) {
  struct head head = {.op = STRANGE, .phase = BEGIN, .id = next_call(), .fd = -1};
  note(head, what, NULL, 0);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  if (ours(fd) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) strange("mmap");
  return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

int link(const char *from, const char *to) {
  REAL(link);
  if (below(to) != NULL) strange("link");
  return real(from, to);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  if (ours(to)) strange("sendfile");
  return syscall(SYS_sendfile, to, from, offset, length);
}

int dup2(int from, int to) {
  REAL(dup2);
  if (ours(from)) strange("dup2");
  return real(from, to);
}
