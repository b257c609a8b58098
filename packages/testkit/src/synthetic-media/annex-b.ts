/** Splits an H.264 byte stream with start codes (ISO/IEC 14496-10 annex B) into NAL units; they share its memory. */
export function splitAnnexB(stream: Uint8Array): Uint8Array[] {
  const starts: { readonly code: number; readonly nal: number }[] = [];
  for (let at = 0; at + 3 <= stream.length; at += 1) {
    if (stream[at] !== 0 || stream[at + 1] !== 0 || stream[at + 2] !== 1) continue;
    starts.push({ code: at > 0 && stream[at - 1] === 0 ? at - 1 : at, nal: at + 3 });
    at += 2;
  }
  return starts.map(({ nal }, index) => stream.subarray(nal, starts[index + 1]?.code ?? stream.length));
}
