/**
 * Znode paths: ZooKeeper's `PathUtils.validatePath`, character for character. Because surrogates are
 * refused, a JavaScript string comparison of two paths equals a bytewise comparison of their UTF-8.
 */
import { CoordinationError } from './errors.ts';
import type { ZnodePath } from './model.ts';

export const rootPath = '/' as ZnodePath;

/** Nodes that exist from the start and cannot be deleted (`DataTree.isSpecialPath`). */
export const reservedPaths: ReadonlySet<string> = new Set([
  '/',
  '/zookeeper',
  '/zookeeper/config',
  '/zookeeper/quota',
]);

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * @param text a whole path, with its leading slash
 * @throws CoordinationError BADARGUMENTS, naming the rule that is broken and where
 */
export function parsePath(text: string): ZnodePath {
  const problem = pathProblem(text);
  if (problem !== undefined) {
    throw new CoordinationError('BADARGUMENTS', `path ${quote(text)}: ${problem}`);
  }
  return text as ZnodePath;
}

/**
 * The path of a sequential create, whose final name is checked: `/q/` is legal, since the suffix
 * follows. The returned string is a prefix, so it is not a `ZnodePath` yet.
 * @throws CoordinationError BADARGUMENTS
 */
export function parseSequentialPrefix(text: string): string {
  const problem = pathProblem(`${text}1`);
  if (problem !== undefined) {
    throw new CoordinationError('BADARGUMENTS', `path ${quote(text)}: ${problem}`);
  }
  return text;
}

/** What is wrong with `text` as a path, or undefined. */
export function pathProblem(text: string): string | undefined {
  if (text.length === 0) return 'must not be empty';
  if (text.charCodeAt(0) !== SLASH) return 'must start with "/"';
  if (text.length === 1) return undefined;
  if (text.charCodeAt(text.length - 1) === SLASH) return 'must not end with "/"';
  let segmentStart = 1;
  for (let index = 1; index <= text.length; index++) {
    const unit = index === text.length ? SLASH : text.charCodeAt(index);
    if (unit === SLASH) {
      const problem = segmentProblem(text, segmentStart, index);
      if (problem !== undefined) return problem;
      segmentStart = index + 1;
    } else if (isForbidden(unit)) {
      return `character U+${unit.toString(16).toUpperCase().padStart(4, '0')} at index ${String(index)} is not allowed`;
    }
  }
  return undefined;
}

function segmentProblem(text: string, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return `empty name at index ${String(start)}`;
  if (length > 2 || text.charCodeAt(start) !== DOT) return undefined;
  if (length === 1) return `relative name "." at index ${String(start)} is not allowed`;
  if (text.charCodeAt(start + 1) !== DOT) return undefined;
  return `relative name ".." at index ${String(start)} is not allowed`;
}

function isForbidden(unit: number): boolean {
  if (unit > 0x1f && unit < 0x7f) return false;
  return (
    unit <= 0x1f ||
    (unit >= 0x7f && unit <= 0x9f) ||
    (unit >= 0xd800 && unit <= 0xf8ff) ||
    unit >= 0xfff0
  );
}

function quote(text: string): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return JSON.stringify(shown);
}

/** The parent of any path but the root's. */
export function parentPath(path: ZnodePath): ZnodePath {
  const slash = path.lastIndexOf('/');
  return (slash <= 0 ? '/' : path.slice(0, slash)) as ZnodePath;
}

/** The last name of a path; empty for the root. */
export function nameOf(path: ZnodePath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path of the child `name`, which must come from the tree or a validated path. */
export function childPath(parent: ZnodePath, name: string): ZnodePath {
  return (parent === '/' ? `/${name}` : `${parent}/${name}`) as ZnodePath;
}

/** True when `path` is `ancestor` itself or below it. */
export function isWithin(path: string, ancestor: string): boolean {
  if (ancestor === '/') return true;
  if (!path.startsWith(ancestor)) return false;
  return path.length === ancestor.length || path.charCodeAt(ancestor.length) === SLASH;
}
