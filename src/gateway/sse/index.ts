import type { FastifyInstance } from 'fastify';
import type { HttpContext } from '../rest/context.ts';

export function registerSse(_app: FastifyInstance, _context: HttpContext): void {
  return;
}
