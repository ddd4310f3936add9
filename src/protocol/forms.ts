/**
 * The forms of texts as regular expressions, for the documents: they say to those who make requests what the parsers
 * take. They do without lookahead and flags, which several validators do not have.
 */

/** What `isForbidden` of a path leaves over, but the slash and the dot. */
const plain = ' -\\-0-~\\u00A0-\\uD7FF\\uF900-\\uFFEF';
const plainOrDot = `${plain}.`;
/** Neither `.` nor `..`. */
const name = `(?:\\.?[${plain}][${plainOrDot}]*|\\.\\.[${plainOrDot}]+)`;
const names = `${name}(?:/${name})*`;

const tag = '(?:(?:W/)?"[!#-~]*"|-?[0-9]+(?:\\.[0-9]+)?(?:;-?[0-9]+\\.-?[0-9]+)?)';
const perms = '[cdrwa]{1,5}';
const aclId = '(?:world:anyone|auth:[^,]*|digest:[^:,]*:[A-Za-z0-9+/]{27}=|ip:[0-9A-Fa-f.:/]+)';

export const forms = {
  /** A path without its leading slash. */
  path: `^(?:${names})?$`,
  /** The same of a create, which may be sequential: `q/` is a prefix then. */
  createPath: `^(?:${names}/?)?$`,
  /** With its leading slash; that of a sequential create may end in another. */
  absolutePath: `^/(?:${names}/?)?$`,
  entityTags: `^(?:\\*|${listOf(tag)})$`,
  acl: `^${listOf(`${aclId}:${perms}`)}$`,
  perms: `^${perms}$`,
  token: '^[1-9][0-9]{0,15}:[A-Za-z0-9_-]{1,64}$',
  /** Up to about `ttlMaxMs`. */
  ttl: '^(?:[1-9][0-9]{0,11}ms|[1-9][0-9]{0,8}s|[1-9][0-9]{0,6}m|[1-9][0-9]{0,4}h)$',
} as const;

/** One or more, separated by commas. */
function listOf(item: string): string {
  return `${item}(?: *, *${item})*`;
}
