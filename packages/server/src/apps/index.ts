export { principalOf, registerAccess } from './access.ts';
export { Apps, defaultAppId, type TokenGrant } from './apps.ts';
export { ConsoleSessions } from './console-sessions.ts';
export { type Credentials, loadCredentials } from './credentials.ts';
export {
  isAtMost,
  isUserToken,
  listedFor,
  type Presence,
  type Principal,
  requireRecording,
  requireRoom,
  requireRoomMaker,
  requireServer,
  requireSight,
  roleIn,
  roomOfToken,
  type ServerPrincipal,
  type UserPrincipal,
} from './principal.ts';
export { type AppRoutesOptions, registerAppRoutes } from './routes.ts';
