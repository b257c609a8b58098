/** As in https://www.w3.org/TR/webcodecs/#videoframe-interface; not in every browser yet. */
interface Oriented {
  readonly rotation?: number;
  readonly flip?: boolean;
}

let canvas: OffscreenCanvas | undefined;

/**
 * Turns a picture that a phone gave lying. Encoders take its samples as they are, and a file turns the whole track at most,
 * while people turn their phones as they like.
 * @returns the picture itself where it is upright; else it is closed, and another given out
 */
export function upright(frame: VideoFrame): VideoFrame {
  const { rotation = 0, flip = false } = frame as Oriented;
  if (rotation === 0 && !flip) return frame;
  const { displayWidth: width, displayHeight: height, timestamp } = frame;
  canvas ??= new OffscreenCanvas(width, height);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext('2d', { alpha: false })?.drawImage(frame, 0, 0, width, height);
  frame.close();
  return new VideoFrame(canvas, { timestamp });
}
