export type { Health } from './health.ts';
export { pathOf } from './problems.ts';
export { createHttpServer, type HttpServerOptions } from './server.ts';
export type { ZodTypeProvider } from './validation.ts';
