import { useEffect, useRef } from 'react';

const bars = 5;

/** How loud a microphone is, so that one sees that it works before anybody listens. */
export function LevelMeter({ track }: { track: MediaStreamTrack }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let frame = 0;
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // -60 dBFS is silence, -10 dBFS is loud.
      const level = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 60) / 50));
      element.current?.style.setProperty('--level', String(Math.round(level * bars)));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => {
      cancelAnimationFrame(frame);
      void context.close();
    };
  }, [track]);
  return (
    <div className="level-meter" ref={element} aria-hidden="true">
      {Array.from({ length: bars }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars never change places
        <i key={index} style={{ '--index': index + 1 } as React.CSSProperties} />
      ))}
    </div>
  );
}
