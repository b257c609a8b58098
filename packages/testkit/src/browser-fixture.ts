import {
  COUNTER_BITS,
  checkBits,
  EVENT_MS,
  FLASH_BOX,
  GRID_COLUMNS,
  GRID_ROWS,
  markerCells,
} from './synthetic-media/marker.ts';
import { BEEP_HZ } from './synthetic-media/test-sound.ts';

/** How often, in milliseconds, the page looks at the clock of its sound, and how many looks tell where it stands. */
const CLOCK_LOOK_MS = 20;
const CLOCK_LOOKS = 10;
/** A step of that clock which is not its usual coarseness, in milliseconds. */
const SLIP_MS = 10;

/** Seconds within which a step of the page's sound clock was noticed late, and a flash may have been drawn too early. */
export const SLIP_NOTICED_SECONDS = (2 * CLOCK_LOOKS * CLOCK_LOOK_MS) / 1000;

export interface BrowserFixtureOptions {
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
}

/**
 * Source text of a script for `page.addInitScript({ content })`. It defines, on the page's `window`,
 *
 * `aircheckTestStream(): Promise<{ stream: MediaStream, counter(): number, soundClock(): { seconds: number, slipsAt: number[] },
 * stop(): void }>`
 *
 * which draws the synthetic host's marker and flash in a worker and beeps at each full second of the page's
 * AudioContext, whose clock also times the pictures; `counter()` is the number of the last picture drawn,
 * `soundClock()` tells how that clock stands and at which of its seconds it was found to have stood still or jumped. With
 * `replaceUserMedia`, `getUserMedia` and `getDisplayMedia` give out clones of its tracks instead of the fake devices.
 */
export function browserFixtureScript(
  options: BrowserFixtureOptions & { readonly replaceUserMedia?: boolean } = {},
): string {
  const { width = 640, height = 360, framesPerSecond = 30, replaceUserMedia = false } = options;
  const { column, row, columns, rows } = FLASH_BOX;
  // A camera does not stop when a page is busy, so the pictures are drawn in a worker; and unlike a captured canvas they
  // carry the time at which they were due, so that a late timer does not look like sound and picture out of step.
  const painter = `
const COUNTER_BITS = ${COUNTER_BITS};
const FRAMES_PER_SECOND = ${framesPerSecond};
const CLOCK_LOOKS = ${CLOCK_LOOKS};
// A camera gives a picture out some time after it was taken; and Chromium stamps sound when a packet of it is whole.
const PICTURE_DELAY_MS = 20;
${checkBits.toString()}
${markerCells.toString()}
const canvas = new OffscreenCanvas(${width}, ${height});
const cell = { width: canvas.width / ${GRID_COLUMNS}, height: canvas.height / ${GRID_ROWS} };
const picture = canvas.getContext('2d', { alpha: false });
// The clock of the sound moves in steps: the least of what it is behind is what it is when it has just moved.
const behindMs = [];
let counter = -1;
let pictures;
let due;
const soundTime = () => (performance.timeOrigin + performance.now() - Math.min(...behindMs) - PICTURE_DELAY_MS) / 1000;
function draw() {
  counter += 1;
  const flash = due % 1 < ${EVENT_MS / 1000};
  picture.fillStyle = 'hsl(' + Math.floor((due * 40) % 360) + ' 50% 25%)';
  picture.fillRect(0, 0, canvas.width, canvas.height);
  picture.fillStyle = 'hsl(40 90% 60%)';
  picture.fillRect((due * 90) % (10 * cell.width), 6 * cell.height, cell.width, cell.height);
  picture.fillStyle = 'white';
  picture.font = Math.round(cell.height) + 'px monospace';
  picture.fillText(new Date().toISOString().slice(11, 23) + '  ' + counter, cell.width / 2, 4 * cell.height);
  markerCells(counter).forEach((white, index) => {
    picture.fillStyle = white ? 'white' : 'black';
    const x = (index % ${GRID_COLUMNS}) * cell.width;
    picture.fillRect(x, Math.floor(index / ${GRID_COLUMNS}) * cell.height, cell.width, cell.height);
  });
  picture.fillStyle = flash ? 'white' : '#202020';
  picture.fillRect(${column} * cell.width, ${row} * cell.height, ${columns} * cell.width, ${rows} * cell.height);
  const frame = new VideoFrame(canvas, { timestamp: Math.round(due * 1e6) });
  pictures.write(frame).catch(() => frame.close());
  postMessage(counter);
  // Late by more than a picture, the ones in between are left out, as a camera does.
  const now = soundTime();
  due = Math.max(Math.round(due * FRAMES_PER_SECOND) + 1, Math.floor(now * FRAMES_PER_SECOND)) / FRAMES_PER_SECOND;
  setTimeout(draw, Math.max(0, (due - now) * 1000));
}
onmessage = ({ data }) => {
  pictures ??= data.pictures?.getWriter();
  behindMs.push(data.atMs - data.soundMs);
  if (behindMs.length > CLOCK_LOOKS) behindMs.shift();
  if (due !== undefined) return;
  due = Math.ceil(soundTime() * FRAMES_PER_SECOND) / FRAMES_PER_SECOND;
  draw();
};
`;
  return `(() => {
async function start() {
  const sound = new AudioContext({ sampleRate: 48000 });
  await sound.resume();
  const out = sound.createMediaStreamDestination();
  const beep = sound.createGain();
  const hum = sound.createGain();
  beep.gain.value = 0;
  hum.gain.value = 0.02;
  for (const [gain, frequency] of [[beep, ${BEEP_HZ}], [hum, 220]]) {
    const tone = sound.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(gain).connect(out);
    tone.start();
  }
  const video = new MediaStreamTrackGenerator({ kind: 'video' });
  const stream = new MediaStream([video, ...out.stream.getAudioTracks()]);
  const painter = new Worker(URL.createObjectURL(new Blob([${JSON.stringify(painter)}], { type: 'text/javascript' })));
  let counter = -1;
  const clock = () => ({ soundMs: sound.currentTime * 1000, atMs: performance.timeOrigin + performance.now() });
  await new Promise((resolve, reject) => {
    painter.onerror = reject;
    painter.onmessage = ({ data }) => {
      counter = data;
      resolve();
    };
    painter.postMessage({ pictures: video.writable, ...clock() }, [video.writable]);
  });
  let nextBeep = Math.ceil(sound.currentTime) + 1;
  // Where the processor is busy a page's sound stands still for a moment, and its clock with it. A flash that is drawn
  // before the new clock is known comes early: whoever measures to the millisecond has to know.
  const looks = [];
  const slipsAt = [];
  let knownMs;
  const tick = () => {
    const look = clock();
    painter.postMessage(look);
    looks.push(look.atMs - look.soundMs);
    if (looks.length > ${CLOCK_LOOKS}) looks.shift();
    const leastMs = Math.min(...looks);
    if (looks.length === ${CLOCK_LOOKS}) {
      if (Math.abs(leastMs - (knownMs ?? leastMs)) > ${SLIP_MS}) slipsAt.push(sound.currentTime);
      knownMs = leastMs;
    }
    while (nextBeep < sound.currentTime + 10) {
      beep.gain.setValueAtTime(0.5, nextBeep);
      beep.gain.setValueAtTime(0, nextBeep + ${EVENT_MS / 1000});
      nextBeep += 1;
    }
  };
  tick();
  const timer = setInterval(tick, ${CLOCK_LOOK_MS});
  return {
    stream,
    counter: () => counter,
    soundClock: () => ({ seconds: sound.currentTime, slipsAt }),
    stop() {
      clearInterval(timer);
      painter.terminate();
      for (const track of stream.getTracks()) track.stop();
      sound.close();
    },
  };
}

let started;
window.aircheckTestStream = () => (started ??= start());
if (${replaceUserMedia}) {
  const give = async ({ audio, video }) => {
    const { stream } = await window.aircheckTestStream();
    const tracks = [...(audio ? stream.getAudioTracks() : []), ...(video ? stream.getVideoTracks() : [])];
    return new MediaStream(tracks.map((track) => track.clone()));
  };
  navigator.mediaDevices.getUserMedia = give;
  navigator.mediaDevices.getDisplayMedia = (constraints) => give({ ...constraints, video: true });
}
})();`;
}
