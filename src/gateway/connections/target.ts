/**
 * Requests that name their server twice: in the target and in `Host` (RFC 9112, 3.2.2). Proxies send such
 * targets. What follows in this process reads paths only, so the authority is taken off where it says what
 * `Host` says; where it differs it stays, and the request is refused (`checkRequestLine`).
 */
import type { IncomingMessage } from 'node:http';

const SLASH = 0x2f;

const defaultPorts: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

export function takeAuthorityOff(request: IncomingMessage): void {
  const { url = '', headers } = request;
  if (url.charCodeAt(0) === SLASH) return;
  const [, scheme, authority, path] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || path === undefined) return;
  const port = defaultPorts[scheme.toLowerCase()] ?? '';
  // HTTP/1.0 need not say it twice.
  headers.host ??= authority;
  if (plain(authority, port) !== plain(headers.host, port)) return;
  request.url = path.startsWith('/') ? path : `/${path}`;
}

function plain(authority: string, defaultPort: string): string {
  const text = authority.toLowerCase();
  return text.endsWith(defaultPort) ? text.slice(0, text.length - defaultPort.length) : text;
}
