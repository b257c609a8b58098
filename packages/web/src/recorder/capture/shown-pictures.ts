/**
 * Plays a track in a `<video>` that nobody sees, and tells of each picture that it shows. In a tab that is not shown there
 * are none: such callbacks come with the screen's refresh (https://wicg.github.io/video-rvfc/#video-rvfc-procedures).
 *
 * @param take - the element shows a picture, presented at this time on the page's clock, in ms. Where it throws, that is
 * the page's to hear of, and the next picture comes all the same
 * @returns a function that ends it
 */
export function showPictures(
  track: MediaStreamTrack,
  take: (element: HTMLVideoElement, presentationTimeMs: number) => void,
): () => void {
  const element = document.createElement('video');
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  let request = 0;
  const next = () => {
    request = element.requestVideoFrameCallback((_, { presentationTime }) => {
      next();
      take(element, presentationTime);
    });
  };
  next();
  element.play().catch(() => {
    // It was ended before it began.
  });
  return () => {
    element.cancelVideoFrameCallback(request);
    element.srcObject = null;
  };
}
