/** As in https://w3c.github.io/mediacapture-transform/. */
interface TrackProcessorConstructor {
  new <Data>(options: {
    readonly track: MediaStreamTrack;
    readonly maxBufferSize?: number;
  }): { readonly readable: ReadableStream<Data> };
}

/**
 * Reads tracks on the page, sound too: Chromium only. The standard has it in workers, for pictures, where others have it
 * (https://developer.mozilla.org/docs/Web/API/MediaStreamTrackProcessor).
 */
export function trackProcessor(): TrackProcessorConstructor | undefined {
  return (globalThis as { MediaStreamTrackProcessor?: TrackProcessorConstructor }).MediaStreamTrackProcessor;
}
