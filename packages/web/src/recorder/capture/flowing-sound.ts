import type { Room } from '../../core/index.ts';

interface Pull {
  readonly element: HTMLAudioElement;
  users: number;
}

/** Each costs some processing time, so that those who want the same share one. */
const pulls = new Map<MediaStreamTrack, Pull>();

/**
 * Keeps a track's sound flowing. Chromium decodes what comes over WebRTC only while an element plays it, be it muted
 * (https://crbug.com/121673); the page may have none, or take its own away.
 * @returns a function that ends it; to be called once
 */
export function pullSound(track: MediaStreamTrack): () => void {
  const pull = pulls.get(track) ?? { element: playMuted(track), users: 0 };
  pulls.set(track, pull);
  pull.users += 1;
  return () => {
    pull.users -= 1;
    if (pull.users > 0) return;
    pulls.delete(track);
    pull.element.srcObject = null;
  };
}

function playMuted(track: MediaStreamTrack): HTMLAudioElement {
  const element = new Audio();
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  element.play().catch(() => {
    // It was ended before it began.
  });
  return element;
}

/**
 * Keeps the sound of everybody in a room flowing, as long as it lasts. What nobody takes piles up (libwebrtc keeps some
 * seconds), and would be played faster at the beginning of a recording until it is used up.
 */
export function keepSoundFlowing(room: Room): void {
  const ends = new Map<MediaStreamTrack, () => void>();
  const pull = ({ kind, mediaStreamTrack }: Room['remoteTracks'][number]) => {
    if (kind === 'audio') ends.set(mediaStreamTrack, pullSound(mediaStreamTrack));
  };
  const end = (track: MediaStreamTrack) => {
    ends.get(track)?.();
    ends.delete(track);
  };
  for (const track of room.remoteTracks) pull(track);
  room.on('track-added', pull);
  room.on('track-removed', ({ mediaStreamTrack }) => end(mediaStreamTrack));
  room.on('closed', () => {
    for (const track of [...ends.keys()]) end(track);
  });
}
