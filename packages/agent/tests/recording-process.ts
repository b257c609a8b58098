/*
 * An agent to be killed: joins a room, records one account, and prints how far the file is.
 * Arguments: server URL, token, room, account, path of the file, state folder.
 */
import { pino } from 'pino';
import { AgentMedia, RoomViewer } from '../src/room/index.ts';

const [serverUrl = '', token = '', roomId = '', userId = '', path = '', stateFolder = ''] = process.argv.slice(2);
const media = await AgentMedia.open({ stateFolder, logger: pino({ level: 'silent' }) });
const viewer = await RoomViewer.join({ serverUrl, token, roomId }, media);
const recording = await viewer.recordMp4({ userId, path });
setInterval(() => process.stdout.write(`${recording.progress().durationMs}\n`), 20);
