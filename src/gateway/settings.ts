/** What the front doors must be told; the server fills it from its validated configuration. */
import type { Limits } from '../protocol/limits.ts';
import type { Identity } from '../protocol/model.ts';
import type { Consistency } from './coordinator.ts';

export interface GatewaySettings {
  /** This node's id: the value of `Zk-Server`. */
  readonly serverId: number;
  readonly limits: Limits;
  /**
   * True where only this machine reaches the doors. A request whose Host is no loopback name is then
   * refused, since only a rebound DNS name can have brought it here.
   */
  readonly listensOnLoopback: boolean;
  /** Further names accepted in Host on loopback, without a port, in lower case. */
  readonly allowedHosts: readonly string[];
  /** Origins beside the node's own whose pages may call, as browsers send them: `https://app.example`. */
  readonly allowedOrigins: readonly string[];
  /** How a REST read is answered that does not say it. */
  readonly restConsistencyDefault: Consistency;
  /** The digest identity that passes every ACL; absent = nobody has super rights. */
  readonly superIdentity?: Identity;
  /** Whether the client's address is the last one of `X-Forwarded-For`, which a proxy has added. */
  readonly trustProxy: boolean;
}
