import { showPictures } from './shown-pictures.ts';

const SIZE = { width: 1280, height: 720 };
/** MediaRecorder waits with what it has, sound too, until a picture comes; one that stands is painted again that often. */
const REPAINT_MS = 500;

/**
 * A picture for MediaRecorder to begin with where there is none, since it fails when one is added later
 * (https://developer.mozilla.org/docs/Web/API/MediaRecorder/error_event, `InvalidModificationError`). It is black until
 * {@link show}, and then what that track shows, fitted in.
 */
export class DrawnPicture {
  /** What MediaRecorder gets. */
  readonly track: MediaStreamTrack;
  readonly #canvas = Object.assign(document.createElement('canvas'), SIZE);
  readonly #paper = this.#canvas.getContext('2d', { alpha: false });
  readonly #repainting: ReturnType<typeof setInterval>;
  #painted = 0;
  #endShowing: (() => void) | undefined;

  constructor() {
    this.#clear();
    this.track = this.#canvas.captureStream().getVideoTracks()[0]!;
    this.#repainting = setInterval(() => this.#repaint(), REPAINT_MS);
  }

  /** Shows this track from now on; black without one. */
  show(track: MediaStreamTrack | undefined): void {
    this.#endShowing?.();
    this.#endShowing = track && showPictures(track, (element) => this.#paint(element));
    this.#clear();
  }

  end(): void {
    this.#endShowing?.();
    clearInterval(this.#repainting);
    this.track.stop();
  }

  #paint(element: HTMLVideoElement): void {
    const { width, height } = SIZE;
    const scale = Math.min(width / element.videoWidth, height / element.videoHeight);
    const [shownWidth, shownHeight] = [element.videoWidth * scale, element.videoHeight * scale];
    this.#clear();
    this.#paper?.drawImage(element, (width - shownWidth) / 2, (height - shownHeight) / 2, shownWidth, shownHeight);
  }

  #clear(): void {
    this.#painted = performance.now();
    this.#paper?.fillRect(0, 0, SIZE.width, SIZE.height);
  }

  #repaint(): void {
    if (performance.now() - this.#painted < REPAINT_MS) return;
    this.#painted = performance.now();
    this.#paper?.drawImage(this.#canvas, 0, 0);
  }
}
