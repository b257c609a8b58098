/** As in https://w3c.github.io/mediacapture-transform/. */
interface TrackProcessorConstructor {
  new <Data>(options: {
    readonly track: MediaStreamTrack;
    readonly maxBufferSize?: number;
  }): { readonly readable: ReadableStream<Data> };
}

/** Reads tracks on the page: Chromium only. The standard has it in workers, for pictures, where Safari has it. */
export function trackProcessor(): TrackProcessorConstructor | undefined {
  return (globalThis as { MediaStreamTrackProcessor?: TrackProcessorConstructor }).MediaStreamTrackProcessor;
}
