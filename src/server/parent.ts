/**
 * The end of the process that started this one, where both belong together.
 *
 * npm runs a command in a shell and passes signals on to that shell alone, which ends and leaves the command
 * behind: after `kill` of an `npx zoogate` the node would go on without anybody who knows of it. So a node that
 * npm runs looks after its parent, and takes its end for the signal that it was not given.
 */
import process from 'node:process';

/** How often the parent is looked at, milliseconds. */
const LOOK_EVERY_MS = 200;

/** Set by a program that starts nodes which are to end with it. */
export const endsWithParentVariable = 'ZOOGATE_ENDS_WITH_PARENT';

/**
 * Whether the parent's end is this process's too. Of what npm runs it is the command of the script itself, and
 * not one that the script puts into the background, or that comes from deeper down.
 */
export function belongsToParent(env: NodeJS.ProcessEnv): boolean {
  if (env[endsWithParentVariable] === '1') return true;
  const script = env['npm_lifecycle_script'] ?? '';
  const isCommand = /^(?:exec\s+)?(?:'?zoogate'?|node\s+\S*server\/main\.js)(?:\s|$)/.test(script);
  const isInBackground = /(?<![&>|])&(?![&>])/.test(script);
  return isCommand && !isInBackground;
}

/** Calls back once when the process that has started this one is gone. Keeps no process alive. */
export function whenParentEnds(tell: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    tell();
  }, LOOK_EVERY_MS);
  timer.unref();
}
