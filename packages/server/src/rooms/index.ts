export type { ExternalSession } from './external-session.ts';
export { Rooms, type RoomsOptions } from './rooms.ts';
export { registerRoomRoutes } from './routes.ts';
export { registerSignaling } from './signaling.ts';
export type { Timers } from './timers.ts';
