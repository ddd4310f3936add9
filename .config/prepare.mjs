// Brings a checkout to the point where it can run: installs what is missing, builds what is stale, and is
// done in a moment when neither is so. Runs before `npm start` and `npm test`, hence uses nothing but Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built.json');
const lock = join(root, '.cache', 'prepare.lock');
const lockWaitMs = 10 * 60_000;

const readJson = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

/** npm notes in node_modules what it put there; compare that, and not file times, with the lock file. */
const installIsStale = () => {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {};
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (present === undefined) return true;
  return Object.entries(wanted).some(
    ([path, { version, optional }]) =>
      path !== '' && optional !== true && present[path]?.version !== version,
  );
};

/** What the build is made from, by path and digest. */
const buildInputs = () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  const files = [...sources.sort(), 'tsconfig.json', 'package.json', 'package-lock.json'];
  return Object.fromEntries(
    files.map((file) => {
      const digest = createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest('hex');
      return [file, digest];
    }),
  );
};

const buildIsStale = () =>
  JSON.stringify(readJson(stamp)) !== JSON.stringify(buildInputs()) ||
  !existsSync(join(root, 'dist', 'server', 'main.js'));

const npm = (...args) => {
  // npm tells its scripts where it is; without that, take the one on the path.
  const self = process.env.npm_execpath;
  const [command, first] = self === undefined ? ['npm', []] : [process.execPath, [self]];
  const { status, error } = spawnSync(command, [...first, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed with status ${status}`);
};

const install = () => {
  const fresh = !existsSync(join(root, 'node_modules'));
  console.log('zoogate: installing dependencies, which takes about a minute');
  // `npm ci` removes node_modules first, under the feet of whatever runs from it; only a fresh one wants that.
  npm(...(fresh ? ['ci'] : ['install', '--no-save']), '--include=dev', '--no-audit', '--no-fund');
};

const build = () => {
  console.log('zoogate: building dist/');
  const inputs = buildInputs();
  const last = readJson(stamp) ?? {};
  // The compiler leaves the output of a source that is gone; start afresh then.
  const cleanly = Object.keys(last).every((file) => file in inputs) && existsSync(stamp);
  if (!cleanly) rmSync(join(root, 'dist'), { recursive: true, force: true });
  npm('run', '--silent', 'build');
  writeFileSync(stamp, JSON.stringify(inputs));
};

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** One at a time: a directory can be made once, and one whose maker has died is taken over. */
const withLock = async (action) => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const deadline = Date.now() + lockWaitMs;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(existsSync(lock) ? readFileSync(lock, 'utf8') : 0);
    if (holder > 0 && !isAlive(holder)) rmSync(lock, { force: true });
    else if (Date.now() > deadline) throw new Error(`${lock} is held by process ${holder}`);
    else await sleep(200);
  }
  try {
    action();
  } finally {
    rmSync(lock, { force: true });
  }
};

const prepare = async () => {
  if (!installIsStale() && !buildIsStale()) return;
  await withLock(() => {
    if (installIsStale()) install();
    if (buildIsStale()) build();
  });
};

await prepare().catch((error) => {
  console.error(`zoogate: cannot prepare this checkout: ${error.message}`);
  process.exitCode = 1;
});
