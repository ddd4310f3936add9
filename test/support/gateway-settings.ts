/** Settings of the doors for tests. */
import type { GatewaySettings } from '../../src/gateway/settings.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';

export const testSettings: GatewaySettings = {
  serverId: 1,
  limits: defaultLimits,
  listensOnLoopback: true,
  allowedHosts: [],
  allowedOrigins: [],
  restConsistencyDefault: 'linearizable',
  trustProxy: false,
};
