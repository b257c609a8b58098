/** The mark: the bars of a sound level that make a check mark. */
export function LogoMark({ size = 30 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" role="img" aria-label="Aircheck" className="logo-mark">
      <rect width="32" height="32" rx="9" className="logo-ground" />
      <path
        d="M6.6 15v4M11.3 17.2v6.2M16 13v10M20.7 10.6v8.2M25.4 8.6v5.2"
        className="logo-bars"
        strokeWidth="2.8"
        strokeLinecap="round"
      />
    </svg>
  );
}

export function Logo() {
  return (
    <span className="logo">
      <LogoMark />
      <span className="logo-word">Aircheck</span>
    </span>
  );
}
