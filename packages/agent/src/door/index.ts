export { Door } from './door.ts';
export type { PageService } from './page-session.ts';
