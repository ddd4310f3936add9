#!/usr/bin/env bash
# Guess from memory: when write(2) takes only a part of the bytes, fs.writeSync returns that short count, as
# its documentation warns, and the caller has to write the rest; an error comes as an error.
#
# What happens (Node 22.12.0, libuv 1.49.1, Linux): libuv writes the rest by itself, so a short write(2) is
# never seen, and the count is the whole one. Only when a later attempt fails is the count short, and then the
# error of that attempt (here ENOSPC) is dropped without a trace. So a test that injects plain short writes
# below Node tests nothing of the caller: the fault that a caller can see is a short write FOLLOWED BY a failure.
#
# Needs Linux, npm and a C compiler. Exits 1 when it behaves otherwise.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@22.12.0

# Halves every write to a file; where FULL is set the second attempt on it fails with ENOSPC.
cat >short.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
static int calls;
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  if (++calls == 2 && getenv("FULL") != NULL) { errno = ENOSPC; return -1; }
  return syscall(SYS_pwrite64, fd, bytes, length > 1 ? length / 2 : length, offset);
}
C
cc -shared -fPIC -o short.so short.c
cat >program.cjs <<'JS'
const fs = require('node:fs');
const fd = fs.openSync('file', 'w+');
const count = fs.writeSync(fd, Buffer.alloc(64, 120), 0, 64, 0);
console.log(`returned ${count}, the file has ${fs.fstatSync(fd).size}`);
JS
export UV_USE_IO_URING=0
node=$place/node_modules/node/bin/node
"$node" -p '"Node " + process.version + ", libuv " + process.versions.uv'
short=$(LD_PRELOAD=$place/short.so "$node" program.cjs)
full=$(FULL=1 LD_PRELOAD=$place/short.so "$node" program.cjs)
echo "every write(2) halved:             $short"
echo "halved, then ENOSPC:               $full"
[[ $short == 'returned 64, the file has 64' && $full == 'returned 32, the file has 32' ]]
