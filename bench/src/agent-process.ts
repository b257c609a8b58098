/*
 * The PC agent's room side by itself: joins the room of the load as a hidden viewer and records every host into a file.
 * Arguments: server URL, viewer's token, room, folder, then the hosts' names. Says `recording`; told `end`, finishes the
 * files and says which there are.
 */
import { join } from 'node:path';
import { pino } from 'pino';
import { AgentMedia, RoomViewer } from '../../packages/agent/src/room/index.ts';

const [serverUrl = '', token = '', roomId = '', folder = '', ...hosts] = process.argv.slice(2);
const media = await AgentMedia.open({ stateFolder: join(folder, 'state'), logger: pino({ level: 'warn' }) });
const viewer = await RoomViewer.join({ serverUrl, token, roomId }, media);
const recordings = await Promise.all(
  hosts.map((userId) => viewer.recordMp4({ userId, path: join(folder, `${userId}.mp4`) })),
);
process.send?.('recording');

process.on('message', async (message) => {
  if (message !== 'end') return;
  const files = await Promise.all(recordings.map((recording) => recording.stop()));
  process.send?.({ files: files.map(({ path }) => path) }, () => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
