export { principalOf, registerAccess } from './access.ts';
export { Apps, defaultAppId, type TokenGrant } from './apps.ts';
export { ConsoleSessions } from './console-sessions.ts';
export { type Credentials, loadCredentials } from './credentials.ts';
export {
  type Principal,
  requireRecording,
  requireRoom,
  requireServer,
  type ServerPrincipal,
  type UserPrincipal,
} from './principal.ts';
export { type AppRoutesOptions, registerAppRoutes } from './routes.ts';
