import type { ToWorker } from '../worker-messages.ts';
import { showPictures } from './shown-pictures.ts';
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

/**
 * Where a browser can neither read tracks on the page nor give them to workers (Firefox without https://bugzil.la/1749532
 * and https://bugzil.la/1749543, Safari before 18): what a `<video>` shows is taken.
 */
function feedFromElement(track: MediaStreamTrack, post: Post): () => void {
  const endShowing = showPictures(track, (element, presentationTimeMs) => {
    const frame = pictureOf(element, Math.round(presentationTimeMs * 1000));
    if (frame !== undefined) post({ type: 'video-frame', frame }, [frame]);
  });
  return () => {
    endShowing();
    post({ type: 'video-end' });
  };
}

/**
 * @returns undefined when the element has nothing to show just then, though it has told of a picture: its track may have
 * ended or been switched meanwhile (https://www.w3.org/TR/webcodecs/#dom-videoframe-videoframe, `InvalidStateError`)
 */
function pictureOf(element: HTMLVideoElement, timestamp: number): VideoFrame | undefined {
  try {
    return new VideoFrame(element, { timestamp });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'InvalidStateError') return undefined;
    throw error;
  }
}
