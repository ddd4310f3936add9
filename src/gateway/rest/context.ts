/** What all handlers of the HTTP doors share. */
import type { CoordinatorRouter } from '../router.ts';
import type { UnreadStreams } from '../common/unread-streams.ts';
import type { GatewaySettings } from '../settings.ts';
import type { Shutdown } from './shutdown.ts';
import type { Uploads } from './uploads.ts';

export interface GatewayLogger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface HttpContext {
  readonly router: CoordinatorRouter;
  readonly settings: GatewaySettings;
  readonly logger: GatewayLogger;
  readonly shutdown: Shutdown;
  readonly uploads: Uploads;
  readonly unread: UnreadStreams;
}
