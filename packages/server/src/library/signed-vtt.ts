/**
 * Gives the pictures that a WebVTT file of thumbnails names the signature of the link to it.
 *
 * @param query - of that link
 */
export function signedVtt(text: string, query: string): string {
  return text.replaceAll(/^([\w.-]+\.(?:jpe?g|png|webp))(#xywh=[\d,]+)?\r?$/gim, (_line, name: string, place = '') => {
    return `${name}?${query}${place}`;
  });
}
