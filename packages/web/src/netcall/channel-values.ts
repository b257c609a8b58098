import type { AircheckError, RoomStatistics, SignalingEnd } from '../core/index.ts';
import { type NetcallRole, netcallConstants } from './constants.ts';
import { NetcallError } from './netcall-error.ts';

/** The channel ended without being left. */
export function surprise(reason: SignalingEnd, cause: AircheckError | undefined): NetcallError {
  const code = reason === 'kicked' ? 509 : cause === undefined ? 500 : NetcallError.from(cause).code;
  const detail = cause?.message ?? (reason === 'kicked' ? undefined : `The channel was closed: ${reason}`);
  return new NetcallError(code, detail, { cause, type: 'gatewayClosed' });
}

/** The server reports levels from 0 to 1, the vendor's pages read 0 to 65535. */
export function volumesOf({ sent, received }: RoomStatistics): Record<string, { status: number }> {
  const volumes: Record<string, { status: number }> = {};
  const add = (account: string, level: number | undefined) => {
    if (level !== undefined) volumes[account] = { status: Math.round(level * 65_535) };
  };
  for (const [{ source }, { audioLevel }] of sent) if (source === 'microphone') add('self', audioLevel);
  for (const [{ userId, source }, { audioLevel }] of received) if (source === 'microphone') add(userId, audioLevel);
  return volumes;
}

export function checkName(channelName: unknown): void {
  if (typeof channelName === 'string' && channelName !== '') return;
  throw new NetcallError(400, 'channelName must be text that is not empty', { input: 'channelName' });
}

export function checkRole(role: number): asserts role is NetcallRole {
  if (role === netcallConstants.ROLE_PLAYER || role === netcallConstants.ROLE_AUDIENCE) return;
  throw new NetcallError(400, 'role must be ROLE_PLAYER (0) or ROLE_AUDIENCE (1)', { input: 'role' });
}
