/**
 * Which browsers may call. A page of another site reaches a node on loopback by rebinding its DNS name,
 * so its Host betrays it; anywhere else its Origin does.
 */
import { CoordinationError } from '../../protocol/errors.ts';
import type { GatewaySettings } from '../settings.ts';

export interface BrowserHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

export type OriginSettings = Pick<
  GatewaySettings,
  'listensOnLoopback' | 'allowedHosts' | 'allowedOrigins'
>;

/** `foreign` = another origin that is allowed: its answers need the CORS headers. */
export type OriginKind = 'none' | 'own' | 'foreign';

export class OriginRules {
  readonly #loopback: boolean;
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  /** The Host seen last and accepted: nearly every request has the same one. */
  #acceptedHost: string | undefined;

  constructor(settings: OriginSettings) {
    this.#loopback = settings.listensOnLoopback;
    this.#hosts = new Set(settings.allowedHosts.map((host) => host.toLowerCase()));
    this.#origins = new Set(settings.allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /** @throws CoordinationError FORBIDDENHOST or FORBIDDENORIGIN */
  check({ host, origin }: BrowserHeaders): OriginKind {
    if (this.#loopback && host !== undefined && host !== this.#acceptedHost) this.#checkHost(host);
    if (origin === undefined) return 'none';
    const text = origin.toLowerCase();
    const own = host?.toLowerCase();
    if (own !== undefined && (text === `http://${own}` || text === `https://${own}`)) return 'own';
    if (this.#origins.has(text) || this.#origins.has('*')) return 'foreign';
    const detail = `origin ${quote(origin)} is neither this node's own nor an allowed one (--allowed-origin)`;
    throw new CoordinationError('FORBIDDENORIGIN', detail);
  }

  #checkHost(host: string): void {
    const name = hostName(host);
    if (!isLoopbackName(name) && !this.#hosts.has(name)) {
      const detail = `host ${quote(host)} is neither a loopback name nor an allowed one (--allowed-host)`;
      throw new CoordinationError('FORBIDDENHOST', detail);
    }
    this.#acceptedHost = host;
  }
}

/** A Host header's name without the port, in lower case, IPv6 without its brackets. */
function hostName(host: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(host.toLowerCase());
  return match?.[1] ?? match?.[2] ?? '';
}

function isLoopbackName(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    /^127(?:\.[0-9]{1,3}){3}$/.test(name)
  );
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
