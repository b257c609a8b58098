import type { ToWorker } from '../worker-messages.ts';
import { trackProcessor } from './track-processor.ts';

/** Pictures that wait for the worker: it writes to the disk now and then. Cameras have few buffers to give. */
const MAX_WAITING_PICTURES = 4;

export type Post = (message: ToWorker, transfer?: Transferable[]) => void;

/**
 * Sends a track's pictures to the worker, in the way the browser has.
 * @returns a function that ends it
 */
export function feedPictures(track: MediaStreamTrack, post: Post): () => void {
  const TrackProcessor = trackProcessor();
  if (TrackProcessor !== undefined) {
    const { readable } = new TrackProcessor<VideoFrame>({ track, maxBufferSize: MAX_WAITING_PICTURES });
    post({ type: 'video-stream', readable }, [readable]);
    return () => post({ type: 'video-end' });
  }
  // A track that is given away is gone from the page, so a copy goes; switched off, it does not follow the page's.
  const copy = track.clone();
  try {
    post({ type: 'video-track', track: copy }, [copy as unknown as Transferable]);
    return () => post({ type: 'video-end' });
  } catch (error) {
    copy.stop();
    if (!(error instanceof DOMException) || error.name !== 'DataCloneError') throw error;
    return feedFromElement(track, post);
  }
}

/** Firefox can neither give tracks to workers nor read them on the page: what a `<video>` shows is taken. */
function feedFromElement(track: MediaStreamTrack, post: Post): () => void {
  const element = document.createElement('video');
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  let request = 0;
  const next = () => {
    request = element.requestVideoFrameCallback((nowMs) => {
      const frame = new VideoFrame(element, { timestamp: Math.round(nowMs * 1000) });
      post({ type: 'video-frame', frame }, [frame]);
      next();
    });
  };
  next();
  element.play().catch(() => {
    // It was ended before it began.
  });
  return () => {
    element.cancelVideoFrameCallback(request);
    element.srcObject = null;
    post({ type: 'video-end' });
  };
}
