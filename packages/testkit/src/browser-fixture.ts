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

export interface BrowserFixtureOptions {
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
}

/**
 * Source text of a script for `page.addInitScript({ content })`. It defines, on the page's `window`,
 *
 * `aircheckTestStream(): Promise<{ stream: MediaStream, counter(): number, stop(): void }>`
 *
 * which draws the synthetic host's marker and flash onto a canvas and beeps at each full second of the page's
 * AudioContext, whose clock also times the pictures; `counter()` is the number of the last picture drawn. With
 * `replaceUserMedia`, `navigator.mediaDevices.getUserMedia` gives out clones of its tracks instead of the fake devices.
 */
export function browserFixtureScript(
  options: BrowserFixtureOptions & { readonly replaceUserMedia?: boolean } = {},
): string {
  const { width = 640, height = 360, framesPerSecond = 30, replaceUserMedia = false } = options;
  const { column, row, columns, rows } = FLASH_BOX;
  return `(() => {
const COUNTER_BITS = ${COUNTER_BITS};
${checkBits.toString()}
${markerCells.toString()}

async function start() {
  const canvas = document.createElement('canvas');
  canvas.width = ${width};
  canvas.height = ${height};
  const cell = { width: canvas.width / ${GRID_COLUMNS}, height: canvas.height / ${GRID_ROWS} };
  const picture = canvas.getContext('2d', { alpha: false });
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
  const video = canvas.captureStream(0).getVideoTracks()[0];
  const stream = new MediaStream([video, ...out.stream.getAudioTracks()]);
  let counter = -1;
  let nextBeep = Math.ceil(sound.currentTime) + 1;
  let timer;
  function draw() {
    const now = sound.currentTime;
    while (nextBeep < now + 1.5) {
      beep.gain.setValueAtTime(0.5, nextBeep);
      beep.gain.setValueAtTime(0, nextBeep + ${EVENT_MS / 1000});
      nextBeep += 1;
    }
    counter += 1;
    const flash = now % 1 < ${EVENT_MS / 1000};
    picture.fillStyle = 'hsl(' + Math.floor((now * 40) % 360) + ' 50% 25%)';
    picture.fillRect(0, 0, canvas.width, canvas.height);
    picture.fillStyle = 'hsl(40 90% 60%)';
    picture.fillRect((now * 90) % (10 * cell.width), 6 * cell.height, cell.width, cell.height);
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
    video.requestFrame();
    // The next picture is due at a whole multiple of the frame time, so that a flash begins where its beep does.
    const due = (Math.floor(now * ${framesPerSecond} + 0.25) + 1) / ${framesPerSecond};
    timer = setTimeout(draw, Math.max(0, (due - sound.currentTime) * 1000));
  }
  draw();
  return {
    stream,
    counter: () => counter,
    stop() {
      clearTimeout(timer);
      for (const track of stream.getTracks()) track.stop();
      sound.close();
    },
  };
}

let started;
window.aircheckTestStream = () => (started ??= start());
if (${replaceUserMedia}) {
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const { stream } = await window.aircheckTestStream();
    const tracks = [
      ...(constraints.audio ? stream.getAudioTracks() : []),
      ...(constraints.video ? stream.getVideoTracks() : []),
    ];
    return new MediaStream(tracks.map((track) => track.clone()));
  };
}
})();`;
}
