/** Hues that differ well and suit both light and dark. */
const hues = [172, 210, 262, 322, 22, 42, 96, 140];

/** A participant's initial on a colour that stays the same for the same name. */
export function Avatar({ name, size = 32 }: { name: string; size?: number }) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) | 0;
  const hue = hues[Math.abs(hash) % hues.length];
  return (
    <span
      className="avatar"
      style={{ width: size, height: size, fontSize: size * 0.42, background: `hsl(${hue} 42% 40%)` }}
      aria-hidden="true"
    >
      {[...name][0]?.toUpperCase() ?? '?'}
    </span>
  );
}
