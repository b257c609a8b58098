import type { ToWorker } from '../worker-messages.ts';
import { trackProcessor } from './track-processor.ts';

/** Pictures that wait for the worker: it writes to the disk now and then. Cameras have few buffers to give. */
const MAX_WAITING_PICTURES = 4;

export type Post = (message: ToWorker, transfer?: Transferable[]) => void;

/** What sends a track's pictures to the worker. */
export interface PictureFeed {
  /** The track may have been switched off or on. */
  look(): void;
  /** The worker can't read what it was given. */
  refused(): void;
  end(): void;
}

/** Sends a track's pictures to the worker, in the way the browser has. */
export function feedPictures(track: MediaStreamTrack, post: Post): PictureFeed {
  const TrackProcessor = trackProcessor();
  if (TrackProcessor !== undefined) {
    const { readable } = new TrackProcessor<VideoFrame>({ track, maxBufferSize: MAX_WAITING_PICTURES });
    post({ type: 'video-stream', readable }, [readable]);
    return { look: () => {}, refused: () => {}, end: () => post({ type: 'video-end' }) };
  }
  return feedCopy(track, post);
}

/**
 * A track that is given away is gone from the page, so a copy goes. It does not follow where the page switches its own off:
 * what must not be seen is taken away from the worker then.
 */
function feedCopy(track: MediaStreamTrack, post: Post): PictureFeed {
  let endElement: (() => void) | undefined;
  let given = false;
  const takeFromElement = () => {
    endElement ??= feedFromElement(track, post);
  };
  const look = () => {
    if (endElement !== undefined || given === track.enabled) return;
    given = track.enabled;
    if (!given) {
      post({ type: 'video-end' });
      return;
    }
    const copy = track.clone();
    try {
      post({ type: 'video-track', track: copy }, [copy as unknown as Transferable]);
    } catch (error) {
      copy.stop();
      if (!(error instanceof DOMException) || error.name !== 'DataCloneError') throw error;
      takeFromElement();
    }
  };
  look();
  return {
    look,
    refused: takeFromElement,
    end: () => (endElement === undefined ? post({ type: 'video-end' }) : endElement()),
  };
}

/** Firefox can neither give tracks to workers nor read them on the page: what a `<video>` shows is taken. */
function feedFromElement(track: MediaStreamTrack, post: Post): () => void {
  const element = document.createElement('video');
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  let request = 0;
  const next = () => {
    // The call comes with the screen's next refresh: the picture was there before.
    request = element.requestVideoFrameCallback((_, { presentationTime }) => {
      const frame = new VideoFrame(element, { timestamp: Math.round(presentationTime * 1000) });
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
