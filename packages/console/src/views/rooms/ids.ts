/** As the server has it: `packages/protocol/src/model.ts`, whose schemas would bring their library into the page. */
const idPattern = /^(?!\.{1,2}$)[\p{L}\p{N}_.@:-]{1,128}$/u;

/** Whether a text may be a room id or user id. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}

/** A short room id that nobody has to invent: no letters that look like others. */
export function proposeRoomId(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz';
  const random = crypto.getRandomValues(new Uint8Array(7));
  const text = [...random].map((byte) => letters[byte % letters.length]).join('');
  return `${text.slice(0, 3)}-${text.slice(3)}`;
}
