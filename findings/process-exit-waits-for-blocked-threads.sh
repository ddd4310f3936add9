#!/usr/bin/env bash
# Guess from memory: process.exit(status) ends the process at once, as its documentation says ("as quickly as
# possible even if there are still asynchronous operations pending"), whatever its other threads wait for.
#
# What happens (Node 22.12.0, Linux): it joins them first. Where a worker stands in a synchronous system call, or
# a thread of libuv's pool in the call of a pending fs operation, the process stays until that call returns, with
# its main thread blocked, its sockets open, and no handler for further signals; then it ends with the status that
# was asked for. Only SIGKILL ends it sooner. So a timeout that calls process.exit does not bound a shutdown where
# a disk hangs.
#
# The call that waits is here the opening of a named pipe that nobody writes to. Needs Linux and npm. Exits 1 when
# it behaves otherwise.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@22.12.0
node=$place/node_modules/node/bin/node
mkfifo pipe

cat >program.cjs <<'JS'
const fs = require('node:fs');
const { Worker } = require('node:worker_threads');
const exit = () => setTimeout(() => {
  fs.writeFileSync('exits', '');
  process.exit(3);
}, 500);
if (process.argv[2] === 'pool') {
  fs.open('pipe', () => undefined);
  exit();
} else if (process.argv[2] === 'worker') {
  const source = "require('node:worker_threads').parentPort.postMessage(0); require('node:fs').openSync('pipe')";
  new Worker(source, { eval: true }).once('message', exit);
} else {
  exit();
}
JS

# What becomes of a process two seconds after it has called process.exit, and how it ends once the pipe is opened.
try() {
  rm -f exits
  "$node" program.cjs "$1" &
  local pid=$! state=ended status=0
  until [[ -e exits ]]; do sleep 0.1; done
  sleep 2
  if kill -0 "$pid" 2>/dev/null; then
    state=waits
    : >pipe
  fi
  wait "$pid" || status=$?
  echo "$state, then status $status"
}

"$node" -p '"Node " + process.version'
idle=$(try idle)
worker=$(try worker)
pool=$(try pool)
echo "no other thread is busy:        $idle"
echo "a worker is in a call:          $worker"
echo "a thread of the pool is in one: $pool"
[[ $idle == 'ended, then status 3' && $worker == 'waits, then status 3' && $pool == 'waits, then status 3' ]]
