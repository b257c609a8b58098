/*
 * The example of README.md, so that the compiler reads it.
 */
import { AircheckError, type RemoteTrack, Room } from '@aircheck/web';

declare const token: string;
declare function saidCut(): Promise<void>;

// The token comes from your server: POST /v1/tokens {userId, roomId, role}.
const room = await Room.connect('https://rec.example.org', token);

const elements = new Map<RemoteTrack, HTMLMediaElement>();
room.on('track-added', (track) => {
  const element = document.createElement(track.kind); // <video> or <audio>
  element.autoplay = true;
  track.attach(element);
  document.body.append(element);
  elements.set(track, element);
});
room.on('track-removed', (track) => elements.get(track)?.remove());
room.on('recording', ({ userId, state }) => console.log(userId, state));
room.on('closed', (reason) => console.log('over:', reason));

await room.publishMicrophone();
await room.publishCamera();
try {
  const { recordingId } = await room.startRecording({ fileName: 'My first take' });
  await saidCut(); // whatever ends the take
  const { fileIds } = await room.stopRecording(recordingId); // playable from here on
  const [fileId] = fileIds;
  if (fileId !== undefined) console.log((await room.playUrls(fileId)).mp4);
} catch (error) {
  if (error instanceof AircheckError) console.log(error.code, error.message, error.hint);
}
await room.leave();
