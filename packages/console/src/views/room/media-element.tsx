import { useEffect, useRef } from 'react';

interface MediaVideoProps {
  readonly track: MediaStreamTrack;
  readonly className?: string;
  /** As in a mirror: what people expect of their own camera. */
  readonly mirrored?: boolean;
  readonly fit?: 'cover' | 'contain';
  readonly testId?: string;
}

/** Shows a video track, without sound. */
export function MediaVideo({ track, className, mirrored = false, fit = 'cover', testId }: MediaVideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => attach(element.current, track), [track]);
  return (
    <video
      ref={element}
      className={className}
      data-mirrored={mirrored}
      style={{ objectFit: fit }}
      autoPlay
      playsInline
      muted
      data-testid={testId}
    />
  );
}

/** Plays an audio track. */
export function MediaAudio({ track }: { track: MediaStreamTrack }) {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => attach(element.current, track), [track]);
  // biome-ignore lint/a11y/useMediaCaption: live voices have no captions
  return <audio ref={element} autoPlay />;
}

function attach(element: HTMLMediaElement | null, track: MediaStreamTrack): (() => void) | undefined {
  if (element === null) return undefined;
  element.srcObject = new MediaStream([track]);
  return () => {
    element.srcObject = null;
  };
}
