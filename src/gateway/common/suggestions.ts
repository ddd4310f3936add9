/** What a newcomer may have meant by a path that is none: the slip that was made shows in the text. */
import { nearest } from '../../protocol/nearest.ts';
import { pathProblem } from '../../protocol/path.ts';
import { describedRoutes } from '../../protocol/rest/routes.ts';

/** Shortest beginning of a route's name that is taken for a slip. */
const beginningMin = 4;

const routeNames = [
  ...new Set(Object.values(describedRoutes).map(({ path }) => path.split('/')[1] ?? '')),
];

/** The path without empty names and a slash at its end, where that is all that is wrong with it. */
export function suggestedPath(text: string): string | undefined {
  const cleaned = withoutEmptyNames(text);
  if (cleaned === text || cleaned === '/') return undefined;
  return pathProblem(cleaned) === undefined ? cleaned : undefined;
}

/**
 * The URL path that may have been meant by one that no route has: a route of almost that name, or a znode
 * path that lacks its `/znodes`.
 * @param isRoute whether some route has a URL path
 */
export function suggestedRoute(url: string, isRoute: (url: string) => boolean): string | undefined {
  const cleaned = withoutEmptyNames(url);
  if (cleaned === '/') return undefined;
  if (isRoute(cleaned)) return cleaned;
  const [, first = '', ...rest] = cleaned.split('/');
  const given = first.toLowerCase();
  const similar = routeNames.find((name) => isSlipOf(name, given)) ?? nearest(given, routeNames, 2);
  const meant = ['', similar, ...rest].join('/');
  if (similar !== undefined && isRoute(meant)) return meant;
  return pathProblem(cleaned) === undefined ? `/znodes${cleaned}` : undefined;
}

function isSlipOf(name: string, given: string): boolean {
  if (given === name || `${given}s` === name || given === `${name}s`) return true;
  return given.length >= beginningMin && name.startsWith(given);
}

function withoutEmptyNames(text: string): string {
  return `/${text.split('/').filter(Boolean).join('/')}`;
}
